#pragma once
/* services/bounce/report - the text of a delivery report (RFC 3464), up to the part that holds the
 * message.
 * Pure: what is known goes in, lines come out. */
#include "ipc/messages/bounce.h"
#include "services/bounce/template.h"

struct report {
    enum template_kind kind;
    bool to_postmaster;  /* recipient lines only, no text for the sender */
    struct str hostname; /* myhostname */
    struct str mail_name;
    struct str new_id;                          /* queue id of the report */
    struct str queue_id;                        /* of the message that it is about */
    struct str date, arrival_date, retry_until; /* header form; retry_until: delay only */
    struct str boundary;
    struct str from, subject, charset;
    struct str to;     /* external form */
    struct str text;   /* expanded template */
    struct str sender; /* of the message, internal form */
    struct str envid;
    struct str references; /* of the reply, empty: no threading */
    struct str in_reply_to;
    bool utf8;                           /* message with the SMTPUTF8 flag */
    bool eight_bit;                      /* text and message may hold any byte */
    bool tls_optional;                   /* add TLS-Required: no */
    bool headers_only;                   /* third part */
    const struct bounce_append *entries; /* addresses in external form */
    size_t entry_count;
};

/* Headers and everything up to the first line of the returned message.  Each line ends in LF. */
void report_format(const struct report *r, struct buf *out);
/* What follows the returned message. */
void report_format_end(const struct report *r, struct buf *out);
/* Does this recipient belong into a report of that kind? */
bool report_wants(enum template_kind kind, const struct bounce_append *entry);
/* Wrap `text` at 79 columns with four blanks; `used`: columns already on the line. */
void report_wrap(struct str text, size_t used, struct buf *out);
