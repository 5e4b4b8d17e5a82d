#pragma once
/* pickup/callers - users of this machine who call with a whole message in one packet (pickup/straight.h).
 *
 * A caller hears that his message is durable in the queue, or he hears nothing: then his message goes by
 * postdrop(1), who knows what to tell him.  So whatever is not plain is left to postdrop: no caller is owed
 * anything, and none can keep others waiting.  Who the caller is says the kernel. */
#include "service/service.h"

/* `conf` and `loop` stay the caller's of this. */
void callers_begin(struct conf *conf, struct loop *loop);
/* One has come; takes the descriptor, which does not block. */
void callers_take(int fd);
