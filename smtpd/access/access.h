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

struct access *access_open(struct conf *conf, struct setup *setup);

/* Judge the lists that belong to a stage.  The reply's code is 0 when nothing speaks against; its text lives until the
 * end of the transaction or session.  Side effects (HOLD, FILTER ...) go to the transaction. */
struct smtp_reply access_judge(struct session *s, enum access_stage stage, struct str argument);

/* The whole judgement on a recipient (RCPT, VRFY): delayed lists, relay and recipient lists, existence.  The same
 * promises. */
struct smtp_reply access_judge_recipient(struct session *s, const struct smtp_rcpt *rcpt);

/* local_header_rewrite_clients: complete header addresses of this client's mail with our own domain? */
bool access_rewrites_locally(struct session *s);
