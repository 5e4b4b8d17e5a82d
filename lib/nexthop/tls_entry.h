#pragma once
/* nexthop/tls_entry - an entry of smtp_tls_policy_maps: `LEVEL [name=value ...]`. */
#include "base/arena.h"
#include "nexthop/tls_level.h"

enum tls_choice { TLS_UNSAID, TLS_NO, TLS_YES };

/* What an MTA-STS policy server says besides. */
struct sts_policy {
    struct str type;     /* "sts", "no-policy-found"; absent: there is none */
    struct str domain;   /* whose policy it is */
    struct str ttl;      /* seconds */
    struct str failure;  /* why the policy cannot be met, in the words of TLSRPT */
    struct str strings;  /* the policy's lines, LF behind each */
    struct str patterns; /* of MX hosts, blank behind each */
};

/* What is absent is left to main.cf.  Lists have blanks between their members. */
struct tls_entry {
    enum tls_level level;
    struct str match; /* names, or fingerprints */
    struct str ciphers, exclude, protocols;
    struct str servername;
    struct str anchors; /* PEM files */
    enum tls_choice reuse, raw_key;
    struct sts_policy sts;
};

/* False: it cannot be used, and the log says why; `where` begins those lines.  Texts live in `a`. */
NODISCARD bool tls_entry_parse(struct str text, struct str where, struct arena *a,
                               struct tls_entry *out);
/* A name to be sent in the handshake: a host's, or one of the words `hostname` and `nexthop`. */
bool tls_servername_is_valid(struct str name);
