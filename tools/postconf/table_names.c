#include "tools/postconf/table_names.h"

#include "base/buf.h"

#define COMMON "domain", "query", "result_format", "expansion_limit"
#define SQL                                                                             \
    "hosts", "user", "password", "dbname", "table", "select_field", "where_field",      \
        "additional_conditions", "select_function", "query", "result_format", "domain", \
        "expansion_limit"

static const char *const ldap_suffixes[] = {
    COMMON,
    "bind",
    "bind_dn",
    "bind_pw",
    "cache",
    "cache_expiry",
    "cache_size",
    "chase_referrals",
    "debuglevel",
    "dereference",
    "leaf_result_attribute",
    "query_filter",
    "recursion_limit",
    "result_attribute",
    "result_filter",
    "sasl_authz_id",
    "sasl_mechs",
    "sasl_minssf",
    "sasl_realm",
    "scope",
    "search_base",
    "server_host",
    "server_port",
    "size_limit",
    "special_result_attribute",
    "start_tls",
    "terminal_result_attribute",
    "timeout",
    "tls_ca_cert_dir",
    "tls_ca_cert_file",
    "tls_cert",
    "tls_cipher_suite",
    "tls_key",
    "tls_random_file",
    "tls_require_cert",
    "version",
    NULL,
};
static const char *const mysql_suffixes[] = {
    SQL,
    "charset",
    "idle_interval",
    "option_file",
    "option_group",
    "require_result_set",
    "retry_interval",
    "tls_CAfile",
    "tls_CApath",
    "tls_cert_file",
    "tls_ciphers",
    "tls_key_file",
    "tls_verify_cert",
    NULL,
};
static const char *const pgsql_suffixes[] = { SQL, "encoding", "idle_interval", "retry_interval",
                                              NULL };
static const char *const sqlite_suffixes[] = {
    "dbpath",       "query",       "result_format",         "domain", "expansion_limit", "table",
    "select_field", "where_field", "additional_conditions", NULL,
};
static const char *const memcache_suffixes[] = {
    "memcache",        "backup",          "flags",   "ttl",         "key_format", "domain",
    "data_size_limit", "line_size_limit", "max_try", "retry_pause", "timeout",    NULL,
};
static const char *const mongodb_suffixes[] = {
    "uri",        "dbname",           "collection",    "query_filter", "filter",
    "projection", "result_attribute", "result_format", "domain",       "expansion_limit",
    NULL,
};

static const struct {
    struct str type;
    const char *const *suffixes;
} kinds[] = {
    { STR("ldap"), ldap_suffixes },         { STR("mysql"), mysql_suffixes },
    { STR("pgsql"), pgsql_suffixes },       { STR("sqlite"), sqlite_suffixes },
    { STR("memcache"), memcache_suffixes }, { STR("mongodb"), mongodb_suffixes },
};

static const char *const *suffixes_of(struct str type)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_equal(kinds[i].type, type))
            return kinds[i].suffixes;
    return NULL;
}

void table_names_collect(struct table_names *t, struct str value)
{
    struct str word;

    while (str_token(&value, ", \t\r\n{}", &word)) {
        struct str name = word;
        str_skip_prefix(&name, STR("proxy:"));
        word = name;
        if (!str_has(name, ':'))
            continue;
        struct str type = str_cut(&name, ':');
        if (name.len && suffixes_of(type) && name.ptr[0] != '/' && name.ptr[0] != '.')
            map_set(&t->seen, word, t);
    }
}

static bool is_member(struct str spec, struct str parameter)
{
    struct str type = str_cut(&spec, ':');

    if (!str_skip_prefix(&parameter, spec) || !str_skip_prefix(&parameter, STR("_")))
        return false;
    for (const char *const *s = suffixes_of(type); *s; s++)
        if (str_equal(parameter, str_from(*s)))
            return true;
    return false;
}

bool table_names_own(const struct table_names *t, struct str parameter)
{
    struct map_cursor cursor = { 0 };
    struct str spec;

    while (map_next(&t->seen, &cursor, &spec, NULL))
        if (is_member(spec, parameter))
            return true;
    return false;
}

void table_names_free(struct table_names *t) { map_free(&t->seen, NULL); }
