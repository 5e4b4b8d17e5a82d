#pragma once
/* table/plugins/ldap - what the files of the ldap plug-in know of one table. */
#include "table/plugins/query.h"

#include <ldap.h>

enum ldap_bind { LDAP_BIND_NONE, LDAP_BIND_SIMPLE, LDAP_BIND_SASL };

/* Which server, and as whom.  Tables that say the same share a connection. */
struct ldap_server {
    const char *urls;
    int timeout_s, version;
    enum ldap_bind bind;
    const char *bind_dn, *bind_pw;                       /* NULL: none */
    const char *sasl_mechs, *sasl_realm, *sasl_authz_id; /* NULL: none */
    int sasl_minssf;
    bool start_tls, uses_tls;
    const char *tls_ca_dir, *tls_ca_file, *tls_cert, *tls_key; /* NULL: the library's default */
    const char *tls_random_file, *tls_ciphers;
    bool tls_require_cert;
    int debug_level;
};

struct ldap_connection;

/* Attributes of a table, in the order in which their lists are looked through. */
enum ldap_attribute_kind { LDAP_ORDINARY, LDAP_SPECIAL, LDAP_TERMINAL, LDAP_LEAF };

struct ldap_attribute {
    const char *name;
    enum ldap_attribute_kind kind;
};

struct ldap_table {
    struct query query; /* its template is the filter */
    struct ldap_server server;
    struct ldap_connection *connection;
    struct str search_base;
    int scope, size_limit, recursion_limit, dereference;
    bool chase_referrals;
    struct ldap_attribute *attributes;
    char **names; /* of all of them, NULL behind the last */
    size_t attribute_count;
};

/* ---- ldap_connect.c */

/* Nothing is connected yet. */
struct ldap_connection *ldap_connection_open(const struct ldap_server *server);
void ldap_connection_close(struct ldap_connection *c); /* NULL is fine */
/* Be connected to the server that it was opened for, and bound.  NULL: logged. */
LDAP *ldap_connection_use(struct ldap_connection *c, const struct ldap_server *server);
bool ldap_connection_is_up(const struct ldap_connection *c);
/* It is of no use any more. */
void ldap_connection_drop(struct ldap_connection *c);

/* ---- ldap_search.c */

enum plugin_result ldap_table_lookup(void *table, struct str key, struct buf *out);
