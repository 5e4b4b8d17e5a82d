#pragma once
/* delivery/delivery - what every delivery agent does with a request of qmgr(8): read it, open and
 * lock the queue file, report each recipient (log line, D mark, bounce, defer, trace), answer.
 *
 *   static void deliver(struct delivery *d) {
 *       for (size_t i = 0; i < d->count; i++)
 *           delivery_finish(d, &d->recipients[i], &outcome);
 *   }
 *   serve = delivery_serve(channel, deliver)
 */
#include "base/arena.h"
#include "delivery/agent.h"
#include "ipc/channel.h"
#include "ipc/messages/delivery.h"
#include "queue/file.h"
#include "service/service.h"

enum outcome_status { OUTCOME_SENT, OUTCOME_DEFERRED, OUTCOME_BOUNCED };

/* What became of one recipient. */
struct outcome {
    enum outcome_status status;
    char dsn[16];    /* "2.0.0" */
    struct str text; /* the text in parentheses of the log line */
    const char
        *action; /* DSN action when not the natural one ("relayed", "expanded"); NULL: by status */
    struct str diag_type; /* "smtp", "x-unix" or empty */
    struct str diag_text; /* remote reply as received */
    struct str mta_name;  /* Remote-MTA or empty */
};

struct delivery_rcpt {
    struct delivery_recipient info;
    bool finished;
};

/* Times for `delays=a/b/c/d`. */
struct delivery_times {
    struct timeval deliver_start; /* request arrived at the agent */
    struct timeval conn_done;     /* connection set up (smtp); zero: same as deliver_start */
};

/* A body as one kind of copy has it (delivery/copy.h). */
struct copy_body {
    int copies; /* of this kind; 0: free */
    unsigned flags;
    struct str eol;
    struct buf text; /* empty: not kept */
};

struct delivery {
    struct service *svc;
    const struct agent *agent;
    struct delivery_request request;
    struct delivery_rcpt *recipients;
    size_t count;
    int file_fd;               /* the queue file, locked shared; belongs to the library */
    struct queue_file content; /* its reader: see delivery_content() */
    struct arena arena;        /* lives as long as the request */
    struct copy_body bodies[2];
    const struct delivered_to *delivered_to; /* delivery/delivered_to.h */
    struct delivery_times times;
    struct delivery_reply reply; /* filled as recipients finish; the agent adds site_* and keep */
    struct str relay;            /* relay= of the log line; "none" unless the agent sets it */
    int conn_use;                /* conn_use=N is logged from 2 */
    struct str tls_summary;      /* tls=... of the log line; empty: not logged */
};

/* From before_jail, once: opens the delivery status filter.  `filter` is the value of the agent's
 * <transport>_delivery_status_filter (or default_delivery_status_filter), `parameter` its name.
 * Also reads what the log lines depend on (delay_logging_resolution_limit,
 * info_log_address_format). */
void delivery_open(struct agent *a, struct service *svc, struct str filter, const char *parameter);
void delivery_close(struct agent *a);
/* For agents that are not confined, before each request: has a table been replaced?  That is
 * logged; true: close all tables and open them again.  In a chroot, where that is impossible, the
 * process leaves after this client instead. */
NODISCARD bool delivery_tables_changed(struct service *svc);
/* The same settings for the log lines of programs that are no delivery agents (qmgr, cleanup). */
void delivery_log_open(struct conf *conf);

/* Handle requests on the connection `fd` until either side ends the relation: receives, calls
 * `deliver`, answers. A recipient that `deliver` left unfinished is deferred with 4.3.0 and a
 * warning. `idle_wait_s` is how long the agent waits for a further request when it answered keep=1;
 * `idle` (may be NULL) is called when that time is over or the channel ends: close cached sessions.
 */
void delivery_serve(const struct agent *a, struct service *svc, int fd, int idle_wait_s,
                    void (*deliver)(struct delivery *d), void (*idle)(void));

/* One recipient is done: writes the log line, marks it D when sent or bounced, appends to the
 * bounce, defer or trace log as its NOTIFY flags and the request's flags ask.  soft_bounce, a
 * bounce log that cannot be written, and probes (deliverable/undeliverable) are handled here. */
void delivery_finish(struct delivery *d, struct delivery_rcpt *rcpt, const struct outcome *outcome);
/* The two halves of delivery_finish, for agents that turn one recipient into several deliveries
 * (aliases): delivery_report() logs and records one of them and is true when nothing is left to do
 * for it; false: it must be tried again.  delivery_settle() marks the recipient of the request when
 * all of its deliveries are through. */
bool delivery_report(struct delivery *d, const struct delivery_recipient *who,
                     const struct outcome *outcome);
/* The same for what a mailing list with an owner leads to: a failure is the owner's to know. */
bool delivery_report_owned(struct delivery *d, const struct delivery_recipient *who,
                           const struct outcome *outcome, struct str owner);
void delivery_settle(struct delivery *d, struct delivery_rcpt *rcpt, bool done);
/* "expanded" for a sender who asked for success reports; writes no log line. */
void delivery_trace(struct delivery *d, const struct delivery_recipient *who,
                    const struct outcome *outcome);
/* A probe (address verification, sendmail -bv): find out, but deliver nothing. */
bool delivery_is_probe(const struct delivery *d);

/* The reader of the queue file, placed at the first content record.  Read N and L records until
 * another type comes. Do not close it. */
struct queue_file *delivery_content(struct delivery *d);

/* All recipients not finished yet get the same outcome. */
void delivery_finish_rest(struct delivery *d, const struct outcome *outcome);

/* Outcomes in one line: outcome_make(&o, OUTCOME_DEFERRED, "4.3.0", "text %s", ...); text lives in
 * the arena. */
void outcome_make(struct outcome *o, struct arena *a, enum outcome_status status, const char *dsn,
                  const char *fmt, ...) PRINTF(5, 6);
/* Text that may begin with its own enhanced status code ("5.1.1 no such user"): the code becomes
 * the dsn. */
void outcome_from_text(struct outcome *o, struct arena *a, enum outcome_status status,
                       const char *default_dsn, struct str text);

/* The log line's text for a recipient, for agents without a request (qmgr, cleanup). */
struct delivery_log {
    const char *queue_id;
    struct str recipient, orig_rcpt; /* internal form */
    struct str relay;
    int conn_use;
    struct timeval arrival, active, start, conn_done, now;
    struct str tls_summary;
    const char *dsn,
        *status; /* status: sent, deferred, bounced, deliverable, undeliverable, SOFTBOUNCE... */
    struct str text;
};
void delivery_log_line(const struct delivery_log *l);
/* "0.01", "1.2", "12": two significant digits, at most `decimals` (delay_logging_resolution_limit).
 */
void delivery_format_delay(struct buf *out, int64_t usec, int decimals);
