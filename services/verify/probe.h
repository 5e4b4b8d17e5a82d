#pragma once
/* verify/probe - mail without content that is delivered to nobody: it goes the way of a message until the agent knows
 * what would become of it, and the agent tells verify(8).  Nothing here waits for cleanup(8). */
#include "base/str.h"
#include "os/loop.h"

void probe_open(struct loop *loop);
void probe_send(struct str address);
/* Those that cleanup has not answered for. */
size_t probes_under_way(void);
