#pragma once
/* postscreen/talk - the dialogue with a client that does not come to smtpd this time: what it does is looked at, its recipients
 * are refused, and who has passed may come again. */
#include "postscreen/facts.h"

/* Greet it and listen until it goes. */
void talk(struct client *c);
/* The same; smtpd cannot be had, so after its first command it gets this `end`. */
void talk_without_hope(struct client *c, struct smtp_reply end);
/* After a pause. */
void talk_go_on(struct client *c);
