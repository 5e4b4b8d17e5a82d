#pragma once
/* smtp-client/suitable - can this server take this message at all? */
#include "smtp-client/transfer.h"

/* False: what the server offers is not enough.  Another one may take the message: then t->fault
 * says why this one does not; at the last one the recipients are returned. */
NODISCARD bool suitable_server(struct transfer *t);
