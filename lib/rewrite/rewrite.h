#pragma once
/* rewrite/rewrite - address rewriting and resolving as a library (trivial-rewrite's knowledge).
 *
 * Used in process by smtpd, cleanup, qmgr and local.  Its parameters are main.cf plus the -o settings that
 * master.cf gives to the service named by rewrite_service_name, so that `rewrite ... trivial-rewrite
 * -o name=value` acts as ever.  Tables are opened by rewrite_open(), before the jail.
 * Addresses are in internal (unquoted) form: "local part@domain". */
#include "base/arena.h"
#include "conf/conf.h"

struct rewriter;

/* `service` is the value of rewrite_service_name. */
struct rewriter *rewrite_open(struct conf *conf, struct str service);
/* The same for messages that verify(8) sends: address_verify_transport_maps and its like stand in for what they are named
 * after.  NULL: they say nothing else. */
struct rewriter *rewrite_open_for_probes(struct conf *conf, struct str service);
void rewrite_close(struct rewriter *r); /* NULL is fine */

enum rewrite_context { REWRITE_LOCAL, REWRITE_REMOTE };

/* Complete and normalise one address (append_at_myorigin, append_dot_mydomain, %-hack, bang paths, source routes,
 * trailing dot).  In the remote context with an empty remote_header_rewrite_domain the address is returned as
 * it is.  The result lives in `a`. */
struct str rewrite_address(struct rewriter *r, enum rewrite_context context, struct str address,
                           struct arena *a);

/* The same for an address that is nothing but quoted text: with resolve_dequoted_address = no that is a name, whatever
 * is in it. */
struct str rewrite_quoted(struct rewriter *r, enum rewrite_context context, struct str local,
                          struct arena *a);

enum resolve_flag {
    RESOLVE_FINAL = 1 << 0,  /* we are the final destination (local, virtual) */
    RESOLVE_ROUTED = 1 << 1, /* has routing left in the local part: a%b, a@b@c, a!b */
    RESOLVE_ERROR = 1 << 2,  /* it is no address, or none is left when its routing is followed */
    RESOLVE_FAIL = 1 << 3,   /* a lookup failed: try again later */
    RESOLVE_CLASS_LOCAL = 1 << 8,
    RESOLVE_CLASS_ALIAS = 1 << 9,
    RESOLVE_CLASS_VIRTUAL = 1 << 10,
    RESOLVE_CLASS_RELAY = 1 << 11,
    RESOLVE_CLASS_DEFAULT = 1 << 12,
};
#define RESOLVE_CLASS_FINAL (RESOLVE_CLASS_LOCAL | RESOLVE_CLASS_ALIAS | RESOLVE_CLASS_VIRTUAL)
#define RESOLVE_CLASS_MASK                                                                     \
    (RESOLVE_CLASS_LOCAL | RESOLVE_CLASS_ALIAS | RESOLVE_CLASS_VIRTUAL | RESOLVE_CLASS_RELAY | \
     RESOLVE_CLASS_DEFAULT)

/* Where an address goes. */
struct resolution {
    struct str transport; /* service name: "local", "smtp", "error" ... */
    struct str nexthop;   /* domain, "[host]:port", error text ... */
    struct str recipient; /* rewritten address, internal form */
    unsigned flags;       /* enum resolve_flag */
};

/* Rewrite in the local context and resolve.  `sender` matters for the sender-dependent maps; empty is the
 * null sender.  RESOLVE_FAIL: the rest is not meaningful.  Strings live in `a`. */
struct resolution rewrite_resolve(struct rewriter *r, struct str sender, struct str address,
                                  struct arena *a);

/* Class tests that smtpd and cleanup share. */
bool rewrite_domain_is_local(struct rewriter *r, struct str domain);
/* Are user@ and user@192.0.2.1 addresses? */
bool rewrite_takes_null_domains(const struct rewriter *r);
bool rewrite_takes_numeric_domains(const struct rewriter *r);
