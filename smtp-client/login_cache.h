#pragma once
/* smtp-client/login_cache - passwords that a server has refused are not tried again for a while (smtp_sasl_auth_cache_name):
 * a provider locks accounts that fail too often. */
#include "delivery/delivery.h"
#include "nexthop/fault.h"
#include "sasl/client.h"

/* Before the jail; without the parameter there is no cache. */
void login_cache_open(const struct digests *digests);
void login_cache_store(struct str host, const struct sasl_credentials *who, struct str dsn,
                       struct str reply);
/* True: `fault` is what the server said last time. */
bool login_cache_recalls(struct str host, const struct sasl_credentials *who, struct delivery *d,
                         struct fault *fault);
