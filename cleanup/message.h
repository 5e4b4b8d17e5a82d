#pragma once
/* cleanup/message - one submission, from its first record to the verdict.
 *
 * The files of this directory stand on floors, and each calls only what is below it:
 *
 *   session    one connection; receive, finish: records in, verdict out
 *   envelope   the records around the content; content: the header and the body come apart
 *   recipient, headers, missing, checks, bounce, probe: one recipient, one header, what lacks, what tables say of it
 *   milters, edits   what filters say to the whole of it; held: the content until they have spoken
 *   output     the one place that writes content
 *   message    this: what is known of it, how it fails, what the log says
 *
 * The records of a queue file come in order (envelope, content, extracted) and go out changed into
 * the writer's buffer.  The first failure decides the verdict; afterwards nothing more is stored,
 * except when the message is to be bounced from here, which needs the whole of it. */
#include "cleanup/cleanup.h"
#include "client/milter.h"
#include "ipc/messages/bounce.h"
#include "ipc/messages/cleanup.h"
#include "text/mime.h"

enum stage { STAGE_ENVELOPE, STAGE_CONTENT, STAGE_EXTRACTED, STAGE_ENDED };

/* Attributes that belong to the next recipient only. */
struct next_recipient {
    struct str orig, dsn_orcpt;
    bool has_orig;
    int notify;
};

/* A recipient as it stands in the file; kept for a bounce of our own. */
struct stored_recipient {
    struct str address, orig, dsn_orcpt;
    int notify;
    int64_t offset; /* in the file; in what is behind the content while that is held back */
    bool is_behind; /* the content */
    bool deleted;   /* by a filter */
};

struct envelope {
    struct timeval arrival;
    bool has_time, has_name, has_sender, has_warning, has_verp;
    struct str sender, full_name, encoding, envelope_id, verp;
    int ret_flags, trace_flags;
    enum rewrite_context context;   /* of the headers */
    struct str origin, proto, helo; /* of the client, for log lines */
    struct str client_name, reverse_name, client_address, client_port, client_helo;
    struct str server_address, server_port, sasl_method, sasl_username, sasl_sender;
    int64_t sender_offset;     /* of its record */
    struct str last_recipient; /* as submitted, for log lines */
    int attributes;
    struct next_recipient next;
};

/* How far the content has come. */
enum content_part { CONTENT_HEAD, CONTENT_BODY };

struct content {
    enum content_part part;
    bool in_line;      /* the piece before had no line end: this one goes on with its line */
    bool body_begun;   /* something was written behind the header */
    bool copying;      /* the present header is of no interest and is copied line by line */
    struct buf header; /* the present header when it is of interest; lines joined by LF */
    size_t header_len; /* bytes of the present logical header so far */
    struct mime *mime; /* NULL: the fast way */
    bool seen[HEADER_COUNT];
    bool resent; /* there are Resent- headers */
    bool logged_id;
    struct str mime_error; /* the first one; empty: none */
    int hops;
    bool declares_8bit;
    bool is_composite;     /* multipart or message: parts may declare their encoding */
    bool unchecked;        /* PASS: no more header and body checks */
    int64_t segment_bytes; /* of the body part, for body_checks_size_limit */
    bool cut;              /* larger than message_size_limit: the rest is not stored */
};

struct message {
    struct cleanup *c;
    struct arena arena;
    struct timeval opened;
    int flags;    /* enum cleanup_flag */
    int sendopts; /* C record, field 6 */
    enum stage stage;
    enum cleanup_status status;
    struct str reason;
    struct envelope env;
    struct content content;

    struct map seen; /* recipients written so far */
    int64_t rcpt_count;
    int opts;                        /* C record, field 4 */
    bool traced;                     /* the trace log has lines of ours */
    bool stored_in_incoming;         /* the queue manager wants to know */
    struct stored_recipient *stored; /* with CLEANUP_FLAG_BOUNCE */
    size_t stored_count, stored_room;

    int64_t data_offset, content_size, text_size;
    struct str filter, redirect; /* FILTER, REDIRECT actions */
    struct address_set bcc;      /* BCC actions */
    size_t bcc_written;          /* of these */
    unsigned remarks;            /* lines of the log about its headers and its body */

    /* Filters. */
    bool has_local_milters; /* non_smtpd_milters are to see it */
    bool may_change; /* some may come: nothing of the file is written before they have spoken */
    struct milter_chain chain;
    struct held *held;                          /* the content, if there are any */
    enum milter_event milter_event;             /* the one under way, for log lines */
    struct str milter_sender, milter_recipient; /* external form */
    struct address_set milter_recipients;       /* of local mail, before the alias expansion */
};

/* Create the queue file.  False: no file could be made (logged). */
NODISCARD bool message_begin(struct message *m, struct cleanup *c, const struct cleanup_open *open);
/* "QID: removed (why)", where tools know it. */
void message_log_removal(const struct message *m, const char *why);

/* ---- for the files of this directory ---- */

/* The first call counts.  `reason` may be empty. */
void message_fail(struct message *m, enum cleanup_status status, struct str reason);
/* Does an address, or what else a table says, fit into a record of its own?  If not, the message fails: `made_by`
 * made it so long, and the submitter may try again when that is mended; NULL: the submitter did. */
NODISCARD bool message_fits(struct message *m, struct str text, const char *made_by);
/* A table failed: warns and asks the submitter to try again. */
void message_lookup_failed(struct message *m, const char *parameter);
/* May one more line of the log tell of a header or of a line of the body?  A message has room for
 * millions of them; the log hears of the first. */
bool message_may_remark(struct message *m);
/* Is it worth to store more of it? */
static inline bool message_is_wanted(const struct message *m)
{
    if (m->flags & CLEANUP_FLAG_DISCARD)
        return false;
    return m->status == CLEANUP_OK || ((m->flags & CLEANUP_FLAG_BOUNCE) &&
                                       (m->status == CLEANUP_CONTENT || m->status == CLEANUP_HOPS ||
                                        m->status == CLEANUP_SIZE));
}
/* Where records are added: to the file, or, while the content is held back, to what will follow it. */
struct buf *message_out(struct message *m);
/* Where the next one will stand, there. */
int64_t message_offset(struct message *m);
/* Write what has gathered, unless it may still change. */
void message_spill(struct message *m);
/* Longest header that is kept. */
size_t message_header_limit(const struct message *m);
static inline const char *message_id(const struct message *m) { return m->c->writer.id.text; }
/* "QID: ACTION: PART TEXT from ORIGIN; from=<> to=<> proto= helo=[: NOTE]" */
void message_log_event(struct message *m, const char *action, const char *part, struct str text,
                       size_t text_max, struct str note);

/* "QID: ACTION: EVENT from ORIGIN: TEXT; from=<> to=<> proto= helo=" */
void message_log_milter(struct message *m, const char *action, enum milter_event event,
                        struct str text);
/* "QID: reject: mime-error ERROR: TEXT from ORIGIN; from=<> to=<>" */
void message_log_mime_error(struct message *m, struct str error, struct str text);

/* cleanup/envelope.c */
void envelope_record(struct message *m, const struct record *rec);
void envelope_extracted(struct message *m, const struct record *rec);
/* A filter wants another one; in internal form. */
void envelope_change_sender(struct message *m, struct str sender);

/* cleanup/recipient.c */
void recipient_add(struct message *m, struct str address);
void recipient_add_bcc(struct message *m, struct str address);
/* A filter wants one more, in internal form, or one less: all that this original recipient has become. */
void recipient_add_changed(struct message *m, struct str address, int notify, struct str orcpt);
void recipient_delete(struct message *m, struct str original);
/* Cross out in the file what was deleted. */
void recipient_mark_deleted(struct message *m);

/* cleanup/content.c */
void content_begin(struct message *m);
void content_record(struct message *m, const struct record *rec);
/* Take as many body records off `in` as need no look at each; may take none. */
void content_copy_block(struct message *m, struct str *in);
void content_finish(struct message *m);
void content_free(struct message *m);

/* cleanup/headers.c */
/* Does this header need a look?  If not, its lines are copied. */
bool headers_is_special(struct message *m, const struct header_info *info, struct str line);
void headers_take(struct message *m, enum mime_part part, const struct header_info *info,
                  struct str header);
/* cleanup/missing.c: write what the header lacks. */
void headers_complete(struct message *m);
/* Are header addresses rewritten, and missing headers added, for this message's client? */
bool headers_rewrites(const struct message *m);

/* cleanup/checks.c */
enum check_result { CHECK_KEEP, CHECK_DROP };
/* Look `text` up in the tables for that part and do what they say.  On CHECK_KEEP `replacement`,
 * if not empty, stands in its place; headers put in front are written at once. */
enum check_result checks_header(struct message *m, enum mime_part part, struct str header,
                                struct str *replacement);
/* The same for milter_header_checks. */
enum check_result checks_milter_header(struct message *m, struct str header,
                                       struct str *replacement);
enum check_result checks_body(struct message *m, struct str line, struct str *replacement);

/* cleanup/probe.c: verify(8) asks about an address that stands for several ones, which answers it. */
bool probe_is_from_verify(const struct message *m);
void probe_answer(struct message *m, struct str address, struct str orig);

/* cleanup/milters.c: the message goes to the hold queue, because a filter says so. */
void milters_hold_message(struct message *m, struct str reason);

/* cleanup/bounce.c: report to the sender that the message was refused here.  False: could not. */
NODISCARD bool bounce_message(struct message *m);
/* What bounce(8) is to know about the message; its strings are those of `m`. */
struct bounce_report bounce_report_of(const struct message *m);
