#pragma once
/* smtp-client/session - one connection to one server, kept over as many messages as both sides like. */
#include "base/arena.h"
#include "os/clock.h"
#include "smtp-client/target.h"
#include "smtp/client.h"

struct client_session {
    int fd;
    struct smtp_client dialogue;
    struct arena arena;       /* strings of the session */
    struct str nexthop;       /* destination it was opened for */
    struct str name, address; /* of the server */
    int port;
    struct str shown;         /* name[address] */
    struct str relay;         /* name[address]:port, for relay= */
    int receive_timeout_s;    /* what the kernel was told */
    int uses;
    int64_t opened_ms;
    bool ready;
};

/* Why a server could not be used. */
struct session_fault {
    char dsn[16];
    struct str text;   /* in the arena passed in */
    struct str reply;  /* what the server said, or absent */
    struct str server; /* who said it */
    bool permanent;
};

/* Connect within smtp_connect_timeout.  False: `fault`. */
NODISCARD bool session_connect(struct client_session *s, const struct target_server *server, struct arena *a,
                               struct session_fault *fault);
/* Greeting and EHLO.  False: the server refused or went away. */
NODISCARD bool session_greet(struct client_session *s, bool lmtp, struct arena *a, struct session_fault *fault);
/* One wait for the server, with the time limit of the step; false: connection lost or timed out. */
NODISCARD bool session_fill(struct client_session *s, enum smtp_step step);
NODISCARD bool session_flush(struct client_session *s);
/* "lost connection with N[A] while ..." or "conversation with N[A] timed out while ...". */
void session_describe_loss(const struct client_session *s, enum smtp_step step, struct arena *a,
                           struct session_fault *fault);
/* Say QUIT (without waiting for the answer when smtp_skip_quit_response) and close; with `polite` false just close. */
void session_close(struct client_session *s, bool polite);
/* An answer that refuses, as a delivery status text: "host N[A] said: ... (in reply to X command)". */
struct str session_said(const struct client_session *s, const struct smtp_answer *answer, enum smtp_step step,
                        struct arena *a);
