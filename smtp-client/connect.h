#pragma once
/* smtp-client/connect - from a server's address to an open connection. */
#include "smtp-client/session.h"
#include "smtp-client/target.h"

/* A host that listens on one address of a family alone also sends from it, unless smtp_bind_address says otherwise.
 * Before the first connection; the text lives in `a`. */
void session_use_own_address(struct str inet_interfaces, const struct interface_list *own,
                             struct arena *a);

/* Connect within smtp_connect_timeout.  False: `fault`; logged for network addresses. */
NODISCARD bool session_connect(struct client_session *s, const struct target_server *server,
                               struct arena *a, struct fault *fault);
