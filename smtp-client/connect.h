#pragma once
/* smtp-client/connect - from a server's address to an open session. */
#include "nexthop/target.h"
#include "smtp-client/session.h"

/* Connect within smtp_connect_timeout.  False: `fault`; logged for network addresses. */
NODISCARD bool session_connect(struct client_session *s, const struct target_server *server,
                               struct arena *a, struct fault *fault);
