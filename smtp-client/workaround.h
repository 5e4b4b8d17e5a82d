#pragma once
/* smtp-client/workaround - what broken firewalls in front of a server need (PIX "fixup"). */
#include "smtp-client/session.h"

/* Tables of the process; before the jail. */
void workaround_open(void);
/* Such a firewall blots the greeting out with asterisks. */
bool workaround_is_due(struct str greeting);
/* Change the session's ways if its greeting says so, and log that. */
void workaround_apply(struct client_session *s, const struct session_purpose *purpose,
                      struct str greeting);
