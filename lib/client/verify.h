#pragma once
/* client/verify - ask verify(8) about an address, or tell it what a probe found.
 *
 * The protocol is public (attribute lists over private/verify); the server names it first:
 *   request=query address=A                            status=0 recipient_status=N reason=T
 *   request=update address=A recipient_status=N reason=T   status=0 */
#include "base/buf.h"

#define VERIFY_PROTOCOL "address_verification_prrotocol" /* spelled so for ever */

/* The numbers are those of the protocol, and stand in address_verify_map. */
enum verify_status {
    VERIFY_OK = 0,
    VERIFY_DEFER = 1,
    VERIFY_BOUNCE = 2,
    VERIFY_TODO = 3, /* a probe is under way */
};

/* `service` is address_verify_service_name.  False: nobody there or a failure. */
NODISCARD bool verify_client_update(struct str service, struct str address,
                                    enum verify_status status, struct str text);
/* `text` is replaced by what the last probe said. */
NODISCARD bool verify_client_query(struct str service, struct str address,
                                   enum verify_status *status, struct buf *text);
