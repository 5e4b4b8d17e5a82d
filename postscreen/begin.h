#pragma once
/* postscreen/begin - who is this client, and what has to be done about it? */
#include "postscreen/facts.h"

/* A connection has come; `fd` is ours from now on. */
void begin(struct screen *s, int fd);
