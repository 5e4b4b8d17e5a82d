#pragma once
/* nexthop/tls_level - how much of TLS a delivery insists on, from nothing to most. */
#include "base/str.h"

enum tls_level {
    TLS_NONE,
    TLS_MAY,
    TLS_ENCRYPT,
    TLS_FINGERPRINT,
    TLS_HALF_DANE, /* DANE for a server that an unsigned MX record led to; never asked for by name */
    TLS_DANE,
    TLS_DANE_ONLY,
    TLS_VERIFY,
    TLS_SECURE,
    TLS_UNKNOWN, /* none of these */
};

/* A level as configurations have it, in any case; TLS_UNKNOWN if it is none. */
enum tls_level tls_level_parse(struct str name);
/* As log lines have it: "encrypt", "halfdane", "unknown". */
struct str tls_level_name(enum tls_level level);

static inline bool tls_level_is_mandatory(enum tls_level l) { return l > TLS_MAY; }
/* The server must be who it should be. */
static inline bool tls_level_matches(enum tls_level l) { return l > TLS_ENCRYPT; }
static inline bool tls_level_is_dane(enum tls_level l)
{
    return l == TLS_HALF_DANE || l == TLS_DANE || l == TLS_DANE_ONLY;
}
