#include "nexthop/tls_policy.h"

static const enum tls_match matches[] = {
    [TLS_NONE] = TLS_MATCH_NOTHING,    [TLS_MAY] = TLS_MATCH_NOTHING,
    [TLS_ENCRYPT] = TLS_MATCH_NOTHING, [TLS_FINGERPRINT] = TLS_MATCH_DIGESTS,
    [TLS_HALF_DANE] = TLS_MATCH_PINS,  [TLS_DANE] = TLS_MATCH_PINS,
    [TLS_DANE_ONLY] = TLS_MATCH_PINS,  [TLS_VERIFY] = TLS_MATCH_NAMES,
    [TLS_SECURE] = TLS_MATCH_NAMES,
};

void tls_policy_wish(const struct tls_policy *p, struct tls_client_wish *wish)
{
    wish->protocols = p->protocols;
    wish->ciphers = p->ciphers;
    wish->exclude_ciphers = p->exclude;
    wish->servername = p->servername;
    wish->match = matches[p->level];
    wish->names = p->names;
    wish->digests = p->digests;
    wish->pins = p->pins;
    wish->anchors = p->anchors;
    wish->may_fall_back = p->level == TLS_DANE || p->level == TLS_HALF_DANE;
    wish->only_trusted = p->level == TLS_HALF_DANE;
    wish->failure = p->sts.failure;
}
