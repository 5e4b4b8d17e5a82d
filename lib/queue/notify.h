#pragma once
#include "queue/queue_id.h"

/* Requests to services that do not answer: trigger bytes (spec: ipc, section 3) to a socket such as "public/qmgr",
 * through our door to it where there is one.  False: nobody listens, or too many wait there.  A timeout of 0
 * means not to wait at all. */
NODISCARD bool queue_trigger(const char *socket_path, struct str request, int timeout_s);

/* Tell qmgr(8) that a new message lies in incoming.  Never waits.  False: it may not have heard of it, and has to
 * look by itself. */
NODISCARD bool queue_notify(const struct queue_id *id);
/* The id in such a request; false: it is another one. */
NODISCARD bool queue_notice_parse(struct str request, struct queue_id *id);
