#pragma once
/* smtp-client/login - who we are to a server: the password for it, and the exchange that tells it. */
#include "delivery/delivery.h"
#include "smtp-client/session.h"

/* Tables of the process; before the jail. */
void login_open(struct conf *conf);
/* Has the site a password for this server, which was named by `destination`, or for the sender of this message? */
bool login_is_wanted(struct delivery *d, struct str host, struct str destination);
/* Log in where the site has a password and the server asks for one.  False: `fault` says why mail cannot go this way. */
NODISCARD bool login_run(struct client_session *s, struct delivery *d, struct str destination,
                         struct fault *fault);
