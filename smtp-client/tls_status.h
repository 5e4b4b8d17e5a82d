#pragma once
/* smtp-client/tls_status - the tls= of delivery log lines: what was wanted of TLS, and what came of it. */
#include "delivery/delivery.h"
#include "nexthop/tls_level.h"

struct tls_status {
    enum tls_level wanted; /* as the policy has it */
    enum tls_level got;
    enum { TLS_UNDECIDED, TLS_DECIDED, TLS_VIOLATED } state;
    const char
        *requiretls; /* the second feature, as it is shown; NULL: the sender does not ask for it */
};

/* Before the jail: does the site want it in its log? */
void tls_status_open(struct conf *conf, bool lmtp);
/* From now on recipients that are finished are logged with this. */
void tls_status_show(const struct tls_status *s, struct delivery *d);
