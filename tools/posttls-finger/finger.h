#pragma once
/* posttls-finger - what the files of this command share.
 *
 *   options   from the command line to parameters: what other programs read in main.cf decides here, too
 *   level     how much TLS a server is measured by
 *   chat      lines that go to and come from a server, each of them shown
 *   probe     one session: greeting, EHLO, STARTTLS, QUIT
 *   cache     sessions of TLS, in memory */
#include "nexthop/resolve.h"
#include "nexthop/tls_policy.h"

struct finger {
    struct str destination;
    bool lmtp;
    bool hides_chat;  /* -c */
    bool shows_chain; /* -C */
    unsigned log;     /* enum tls_log */
    int greeting_s, command_s;
    int delay_s; /* until the session is resumed; 0: it is not */
    int reconnects;
    struct resolver resolver;
    struct tls_engine *engine; /* NULL: TLS cannot be had */
};

/* Ends the process when the command line, or a value in it, is none.  The parameters are filled afterwards. */
void options_parse(struct finger *f, int argc, char **argv);

/* A dane_fn; the context is a struct dane.  A server without records that count is measured as at level secure. */
dane_fn level_settle;

/* A store that lasts as long as the process. */
struct tls_store cache_store(void);
unsigned cache_saves(void); /* how often something has been kept so far */

/* What a session showed. */
struct probe {
    struct finger *finger;
    const struct target_server *server;
    const struct tls_policy *policy;
    bool again; /* the connection is there to see whether its session is resumed */
    /* Results. */
    bool secured, resumed;
    struct str name; /* of the server, in its reply to EHLO; lives in `arena` */
    struct arena arena;
};
/* Talk to the server; the stream is closed at the end. */
void probe_run(struct probe *p, struct stream *stream);
