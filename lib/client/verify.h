#pragma once
/* client/verify - ask verify(8) about an address, or tell it what a probe found. */
#include "base/buf.h"
#include "ipc/messages/verify.h"

/* `service` is address_verify_service_name.  False: nobody there or a failure. */
NODISCARD bool verify_client_update(struct str service, struct str address,
                                    enum verify_status status, struct str text);
/* Not called yet.  `text` is replaced by what the last probe said. */
NODISCARD bool verify_client_query(struct str service, struct str address,
                                   enum verify_status *status, struct buf *text);
