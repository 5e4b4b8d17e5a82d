#pragma once
/* nexthop/tls_policy - what a site asks of TLS with one server, from main.cf and its tables.
 *
 * Everything that has to do with names is settled here: who looks at the server's certificate gets the names themselves.
 * What DNS has to say of a server at a DANE level is asked of a function (nexthop/dane.h is the one there is). */
#include "base/arena.h"
#include "conf/conf.h"
#include "nexthop/fault.h"
#include "nexthop/target.h"
#include "nexthop/tls_entry.h"
#include "tls/client.h"

struct tls_policy {
    enum tls_level level;
    struct str protocols, ciphers, exclude;
    struct str
        names; /* that the server's certificate may have, blank behind each; `.x`: those below x */
    struct str servername;            /* to send in the handshake; absent: none */
    const struct tls_anchor *anchors; /* trusted instead of main.cf's authorities; NULL: those */
    struct str digests;         /* fingerprint: in hexadecimal, well formed, a blank behind each */
    const struct tls_pin *pins; /* DANE; NULL elsewhere */
    struct str base;            /* DANE: the name that has the records */
    bool raw_key, reuse, wrapper;
    struct sts_policy sts;
};

struct tls_question {
    struct str destination; /* as the nexthop has it: the key of tables */
    struct str domain;      /* the host in it */
    const struct target_server *server;
    bool optional; /* the message says `TLS-Required: no` */
};

/* At a DANE level: settle the level, and pins, base, names and server name of the policy.  False: see the fault. */
typedef bool dane_fn(void *context, const struct tls_question *q, struct arena *a,
                     struct tls_policy *p, struct fault *fault);

/* Tables of the process; before the jail.  Ends the process when the general level is none. */
void tls_policy_open(bool lmtp, dane_fn *dane, void *dane_context);
/* The MTA-STS policy of a domain, as an entry of smtp_tls_policy_maps; nothing: it has none. */
typedef void sts_fn(struct str domain, struct buf *entry);
/* Before the jail, behind tls_policy_open(): ask for policies where TLS would be optional otherwise. */
void tls_policy_use_sts(sts_fn *ask);
/* Can TLS be wanted at all?  If not, nothing of it needs to be opened. */
bool tls_policy_may_want_tls(void);
/* False, logged: this server is not used.  The fault says why; its text is absent when that is no reason to give for
 * the failure of a delivery.  Texts live in `a`. */
NODISCARD bool tls_policy_find(const struct tls_question *q, struct arena *a,
                               struct tls_policy *out, struct fault *fault);
/* What of a handshake the policy decides; the rest of the wish stays as it is. */
void tls_policy_wish(const struct tls_policy *p, struct tls_client_wish *wish);
