#pragma once
/* sasl/properties - what mechanisms are like, and which ones a site wants (smtpd_sasl_security_options and its kin).  Pure. */
#include "base/str.h"

enum sasl_property {
    SASL_PLAINTEXT = 1 << 0,  /* the password goes over the wire */
    SASL_ACTIVE = 1 << 1,     /* who listens and interferes can break it */
    SASL_DICTIONARY = 1 << 2, /* who listens can try passwords */
    SASL_ANONYMOUS = 1 << 3,
    SASL_FORWARD_SECRECY = 1 << 4,
    SASL_MUTUAL_AUTH = 1 << 5, /* the server proves who it is */
    SASL_PRIVATE = 1 << 6,     /* not for clients to see */
};

struct sasl_policy {
    unsigned forbidden, required; /* enum sasl_property */
};

/* "noplaintext noactive nodictionary noanonymous forward_secrecy mutual_auth" in any case and any order.  False: `bad` is the first
 * word that is none of these. */
NODISCARD bool sasl_policy_parse(struct str words, struct sasl_policy *policy, struct str *bad);
static inline bool sasl_policy_allows(struct sasl_policy policy, unsigned properties)
{
    return (properties & policy.forbidden) == 0 && (~properties & policy.required) == 0;
}
#define SASL_MECHANISM_MAX 64
/* A name as RFC 4422 has it, in any case and somewhat longer: safe in a reply, a log line and a request. */
bool sasl_mechanism_is_valid(struct str name);
/* Letters of base64 only; their order is the decoder's affair. */
bool sasl_is_base64(struct str text);
