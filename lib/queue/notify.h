#pragma once
#include "queue/queue_id.h"

/* Tell qmgr(8): one datagram with the queue id to the socket below when a new message lies in incoming,
 * else (socket missing, queue full) the trigger byte on public/qmgr.  Never waits. */
#define QUEUE_NOTIFY_SOCKET "private/qmgr.notify"

struct queue_notifier {
    int fd; /* connected datagram socket or -1 */
};
#define QUEUE_NOTIFIER_INIT ((struct queue_notifier){ -1 })
void queue_notify(struct queue_notifier *n, const struct queue_id *id);
/* For tests.  Closes the descriptor. */
void queue_notifier_close(struct queue_notifier *n);
/* Write trigger bytes (spec: ipc, section 3) to a service socket such as "public/qmgr".  False: nobody listens.
 * A timeout of 0 means not to wait at all. */
NODISCARD bool queue_trigger(const char *socket_path, struct str request, int timeout_s);
