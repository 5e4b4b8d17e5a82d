#pragma once
/* smtp-client/session - one connection to one server, kept over as many messages as both sides
 * like.
 *
 * Each step (a command and its reply, the content) has a time limit.  With
 * smtp_per_request_deadline it covers the whole step.  Without, it covers each wait for the
 * network, and the step as a whole may take a few times as long, so that a server that sends or
 * takes a byte now and then cannot hold the process. */
#include "base/arena.h"
#include "client/transcript.h"
#include "os/clock.h"
#include "os/stream.h"
#include "smtp-client/fault.h"
#include "smtp-client/target.h"

struct client_session {
    struct stream stream;
    struct smtp_client dialogue;
    struct arena arena;       /* strings of the session */
    struct str nexthop;       /* destination it was opened for */
    struct str name, address; /* of the server */
    int port;
    struct str shown; /* name[address] */
    struct str relay; /* name[address]:port, for relay= */
    int uses;
    int64_t opened_ms;
    struct deadline step_end; /* of the step under way; at_ms 0: it has not begun */
    struct str queue_id;      /* of the message under way, for log lines */
    struct transcript said;   /* kept when the postmaster may want to see it */
    bool at_odds;   /* something was against the protocol: the postmaster may hear of it */
    int babble;     /* lines that were no replies */
    bool lost;      /* the connection failed: no goodbye */
    bool ready;     /* the greeting is over */
    bool delay_dot; /* workaround: wait before the final dot */
};

#define CLIENT_SESSION_NONE ((struct client_session){ .stream = STREAM_NONE })
static inline bool session_is_open(const struct client_session *s) { return s->stream.fd >= 0; }

/* ---- connection (connect.c) ---- */

/* A host that listens on one address of a family alone also sends from it, unless
 * smtp_bind_address says otherwise.  Before the first connection; the text lives in `a`. */
void session_use_own_address(struct str inet_interfaces, const struct interface_list *own,
                             struct arena *a);

/* Connect within smtp_connect_timeout.  False: `fault`; logged for network addresses. */
NODISCARD bool session_connect(struct client_session *s, const struct target_server *server,
                               struct arena *a, struct fault *fault);

/* ---- dialogue (session.c) ---- */

/* Of the message that the session is opened for. */
struct session_purpose {
    struct str queue_id;
    struct str nexthop;
    int64_t age_s; /* of the message, for the threshold of workarounds */
    bool lmtp;
};

/* Tables of the process; before the jail. */
void session_open_tables(void);
/* An answer that was not hoped for: is it one that the postmaster may want to hear of? */
void session_judge(struct client_session *s, const struct smtp_answer *answer);
/* Greeting and EHLO.  False: the server refused or went away. */
NODISCARD bool session_greet(struct client_session *s, const struct session_purpose *purpose,
                             struct arena *a, struct fault *fault);
/* Say QUIT (without waiting for the answer when smtp_skip_quit_response) and close; with `polite`
 * false just close. */
void session_close(struct client_session *s, bool polite);

/* ---- what is worth a word (remarks.c) ---- */

void session_remark(void *context, enum smtp_note note, struct str text);
/* Before the jail: is the postmaster to be told of protocol errors? */
void session_open_remarks(void);
/* At the end: tell the postmaster, if something was wrong. */
void session_report(struct client_session *s);

/* ---- bytes, within the limits of the step (wire.c) ---- */

/* The dialogue's next event; with anything but a wait a new step begins. */
struct smtp_client_event session_next(struct client_session *s);
/* Write what the dialogue has to say.  False: errno, ETIMEDOUT when time is up. */
NODISCARD bool session_flush(struct client_session *s, enum smtp_step step);
/* The same, then one read. */
NODISCARD bool session_fill(struct client_session *s, enum smtp_step step);
/* What SMTP_CLIENT_NEED_INPUT and SMTP_CLIENT_FLUSH ask for. */
NODISCARD bool session_serve(struct client_session *s, const struct smtp_client_event *ev);
/* A piece of content.  False: the connection failed (errno), or the server has spoken already
 * (smtp_client_has_reply): stop sending. */
NODISCARD bool session_write(struct client_session *s, struct str piece, bool ends_line);
