#pragma once
/* client/policy - asks a policy service about a client or a recipient (SMTPD_POLICY_README).
 *
 * A server has one connection for each process, which is kept over requests, and is made anew when it has been idle or
 * alive too long.  A request is tried again on a new connection. */
#include "base/buf.h"

struct connector;
struct policy_server;

/* Times in seconds.  `request_limit` 0: no limit. */
struct policy_settings {
    int timeout, max_idle, max_ttl, request_limit, try_limit, retry_delay;
    struct str default_action, context;
};

/* Before the jail.  `text` is the argument of check_policy_service: "inet:host:port", "unix:path", or that and
 * "name=value" parts, which override `defaults`, with commas or blanks between them.  NULL: `why` says it. */
NODISCARD struct policy_server *policy_server_open(struct connector *c, struct str text,
                                                   const struct policy_settings *defaults,
                                                   struct buf *why);
void policy_server_close(struct policy_server *p); /* NULL is fine */
const struct policy_settings *policy_server_settings(const struct policy_server *p);
/* As it stands in the configuration, without settings. */
struct str policy_server_name(const struct policy_server *p);

/* Send `request` (lines of name=value, without the empty one at the end) and take the action that the answer names.
 * False: the server did not answer, as the log says. */
NODISCARD bool policy_server_ask(struct policy_server *p, struct str request, struct buf *action);
