#pragma once
/* postscreen/early - the tests before the greeting: does the client wait for it, and what do DNS lists say of it? */
#include "postscreen/facts.h"

/* Take those that are due; then the client goes on to smtpd or to a dialogue of ours. */
void early(struct client *c);
/* Where a client goes whose early tests are over. */
void early_is_over(struct client *c);
