#pragma once
/* smtpd/by_postdrop - the stand-alone server (sendmail -bs) belongs to its user, who may not speak to cleanup(8).
 * A child that does as cleanup would hands the messages to postdrop(1). */
#include "ipc/channel.h"

/* A channel to such a child.  False: errno. */
NODISCARD bool by_postdrop_open(struct channel *c, int timeout_s);
