#pragma once
/* pickup/submission - what sendmail(1) was given, as the records that postdrop(1) reads.  Pure:
 * arguments and bytes of stdin in, records out. */
#include "base/arena.h"
#include "queue/record.h"
#include "text/address.h"

#include <sys/types.h>

enum { SUBMISSION_TRACE_VERIFY = 0x200, SUBMISSION_TRACE_DELIVER = 0x400 };

struct submission_envelope {
    struct str sender;      /* internal form */
    struct str full_name;   /* absent: none known */
    struct str envelope_id; /* empty: none */
    struct str verp;        /* empty or two characters */
    const char *encoding;   /* "8bit", "7bit" or NULL */
    int ret_flags;          /* 0, 1 full, 2 headers */
    int notify_flags;       /* 0: default */
    int trace_flags;
    int sendopts; /* SENDOPT_SMTPUTF8, SENDOPT_REQUIRETLS */
    bool remote;  /* rewrite addresses as for a remote client */
};

/* The addresses of any number of arguments or headers. */
struct submission_recipients {
    struct arena memory;
    struct address_list *lists; /* in `memory` */
    size_t list_count, list_room;
    size_t count;   /* of addresses */
    bool truncated; /* more words than `token_limit` */
};
/* Text without an address adds none. */
void submission_recipients_add(struct submission_recipients *r, struct str text,
                               size_t token_limit);
void submission_recipients_free(struct submission_recipients *r);

/* Envelope records up to and including M. */
void submission_put_envelope(struct buf *out, const struct submission_envelope *e,
                             const struct submission_recipients *rcpts);
/* The message that `sendmail -bv` makes up. */
void submission_put_probe(struct buf *out, struct str sender,
                          const struct submission_recipients *rcpts);

enum submission_crlf {
    SUBMISSION_CRLF_KEEP,
    SUBMISSION_CRLF_STRIP,
    SUBMISSION_CRLF_LOOK /* at the first line */
};

struct submission_content {
    bool dot_ends; /* a line with only "." is the end */
    bool extract;  /* recipients come from the headers (-t) */
    enum submission_crlf crlf;
    size_t line_limit, token_limit;

    /* private */
    struct buf line;   /* begun and not yet complete */
    struct buf header; /* the header being gathered, with -t */
    bool continued;    /* part of the present line went out as L */
    bool begun, in_body, ended;
    struct submission_recipients plain, resent;
};

void submission_content_init(struct submission_content *c, size_t line_limit, size_t token_limit);
void submission_content_free(struct submission_content *c);
/* More bytes of stdin; text records are appended to `out`.  False: the end was seen (a dot),
 * read no more. */
bool submission_feed(struct submission_content *c, struct str bytes, struct buf *out);
/* End of input: the last line, X, extracted recipients, E.  False: -t found no recipient and
 * `have_rcpt` says that there was none before. */
NODISCARD bool submission_finish(struct submission_content *c, const struct submission_envelope *e,
                                 bool have_rcpt, struct buf *out);
/* Addresses found in headers so far, and whether some were too many to be read. */
size_t submission_extracted(const struct submission_content *c);
bool submission_truncated(const struct submission_content *c);
