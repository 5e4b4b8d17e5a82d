#pragma once
/* postscreen/say - our replies as a client gets them. */
#include "postscreen/facts.h"

/* `reply` in its final form, with soft_bounce and without a footer; its text goes to `a`. */
struct smtp_reply say_soften(struct smtp_reply reply, struct arena *a);
/* The bytes to send.  `c` is for the footer; NULL: none. */
void say_format(const struct client *c, struct smtp_reply reply, struct buf *out);
