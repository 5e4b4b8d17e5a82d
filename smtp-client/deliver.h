#pragma once
/* smtp-client/deliver - a request's way over destinations and servers until every recipient has an
 * answer. */
#include "delivery/delivery.h"
#include "nexthop/resolve.h"
#include "smtp-client/arguments.h"

/* What the process knows. */
struct client {
    struct service *svc;
    struct resolver resolver;
    struct client_arguments arguments;
};

/* In the jail tables, certificates and keys cannot be opened again: when one has changed, the next process does. */
void deliver_notice_changes(struct service *svc);
/* Before the jail; `client` is kept. */
void deliver_open(const struct client *client);
void deliver_message(struct delivery *d);
/* No further request came: let go of the cached session. */
void deliver_idle(void);
