#pragma once
/* smtpd/access - the restriction language: who may do what, in main.cf's words.
 *
 * The lists are parsed once, before the jail; every name in them is a row of the table in rules.c.  Evaluation
 * order and meaning: behaviours of smtpd_*_restrictions.  With smtpd_delay_reject the client, helo and sender
 * lists are judged at RCPT. */
#include "smtpd/facts.h"

enum access_stage {
    ACCESS_CONNECT,
    ACCESS_HELO,
    ACCESS_MAIL,
    ACCESS_DATA,
    ACCESS_END_OF_DATA,
    ACCESS_ETRN,
};

/* Whom restrictions ask besides tables. */
enum access_asks {
    ACCESS_ASKS_NOBODY = 0,
    ACCESS_ASKS_DNS = 1 << 0,
    ACCESS_ASKS_POLICY = 1 << 1, /* a policy service */
    ACCESS_ASKS_VERIFY = 1 << 2, /* verify(8), which may send a probe */
    ACCESS_ASKS_TIME = 1 << 3,   /* nobody, but the client waits */
};

enum access_verdict { ACCESS_NO_OPINION, ACCESS_PERMITS, ACCESS_REJECTS, ACCESS_NOT_ASKED };

/* For a program that tells how a judgement comes about: it sees every step in order.  What a restriction that is a list
 * itself is made of comes between its beginning and its end.  Strings live as long as the call. */
struct access_watcher {
    unsigned may_ask; /* enum access_asks: others are passed over as if they had no opinion */
    void (*list)(void *context, const char *parameter);
    void (*begin)(void *context, const char *parameter, struct str restriction,
                  struct str argument);
    /* `reply` is the refusal of ACCESS_REJECTS; its code is 0 for others.  `later`: what it will be unless something else
     * decides (defer_if_permit, defer_if_reject). */
    void (*end)(void *context, enum access_verdict verdict, enum access_asks asks,
                struct smtp_reply reply, struct smtp_reply later);
    void *context;
};
/* `watcher` is kept; NULL: nobody. */
void access_watch(struct access *a, const struct access_watcher *watcher);

struct access *access_open(struct conf *conf, struct setup *setup);

/* Judge the lists that belong to a stage.  The reply's code is 0 when nothing speaks against; its text lives until the
 * end of the transaction or session.  Side effects (HOLD, FILTER ...) go to the transaction. */
struct smtp_reply access_judge(struct session *s, enum access_stage stage, struct str argument);

/* The whole judgement on a recipient (RCPT, VRFY): delayed lists, relay and recipient lists, existence.  The same
 * promises. */
struct smtp_reply access_judge_recipient(struct session *s, const struct smtp_rcpt *rcpt);

/* local_header_rewrite_clients: complete header addresses of this client's mail with our own domain? */
bool access_rewrites_locally(struct session *s);
