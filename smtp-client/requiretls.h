#pragma once
/* smtp-client/requiretls - mail whose sender insists on TLS at every hop (REQUIRETLS, RFC 8689), and what the site makes of
 * it for one of them. */
#include "delivery/delivery.h"
#include "nexthop/fault.h"
#include "nexthop/tls_level.h"
#include "smtp-client/tls_status.h"

enum requiretls {
    REQUIRETLS_UNASKED,  /* also where the site turns it off: nothing is required */
    REQUIRETLS_TRY,      /* passed on where the server takes it */
    REQUIRETLS_ENCRYPT,  /* the same, over TLS only */
    REQUIRETLS_ENFORCE,  /* a server that proves who it is and takes it, or none */
    REQUIRETLS_CONFUSED, /* the site's policy cannot be used */
};

/* Why a hop will not do. */
enum requiretls_obstacle {
    REQUIRETLS_NO_POLICY,
    REQUIRETLS_NO_MATCHING,   /* the level does not ask who the server is */
    REQUIRETLS_NO_ENCRYPTION, /* nor for TLS */
    REQUIRETLS_REFUSED,
    REQUIRETLS_NOT_OFFERED,
    REQUIRETLS_NO_MATCH,
    REQUIRETLS_NOT_TAKEN,
};

/* Tables of the process; before the jail. */
void requiretls_open(bool lmtp);
/* What holds for this message and a domain, or an address, that it goes to. */
enum requiretls requiretls_find(const struct delivery_request *r, struct str domain);

static inline bool requiretls_needs_tls(enum requiretls r)
{
    return r == REQUIRETLS_ENCRYPT || r == REQUIRETLS_ENFORCE;
}

/* Does the level do?  False: see the fault.  `host` is the server, `shown` what its name is for the log. */
NODISCARD bool requiretls_allows(enum requiretls r, enum tls_level level, struct str host,
                                 const struct delivery_request *request, struct tls_status *status,
                                 struct arena *a, struct fault *fault);
/* The fault of an obstacle: "Sender requested REQUIRETLS, but " and the rest. */
void requiretls_fail(enum requiretls_obstacle what, struct tls_status *status, struct arena *a,
                     struct fault *fault, const char *fmt, ...) PRINTF(5, 6);
