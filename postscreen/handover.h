#pragma once
/* postscreen/handover - a client that may speak to smtpd(8) goes there. */
#include "postscreen/facts.h"

/* Give it away, at once or as soon as smtpd takes it.  When that cannot be it is told so, in a dialogue of ours if it has heard
 * the beginning of a greeting already. */
void handover(struct client *c);
