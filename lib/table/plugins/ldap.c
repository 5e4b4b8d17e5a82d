/* ldap - tables in a directory, by OpenLDAP's library. */
#include "table/plugins/ldap.h"

#include "base/mem.h"
#include "table/plugins/ldap_text.h"
#include "table/plugins/log.h"

#include <stdlib.h>

/* ---- settings ---- */

static const char *keep(struct ldap_table *t, const struct plugin_settings *s, const char *name)
{
    return query_keep_cstr(&t->query, s->text(s->context, name, ""));
}

static enum ldap_bind bind_of(const struct plugin_settings *s)
{
    static const struct {
        struct str word;
        enum ldap_bind bind;
    } words[] = { { STR("yes"), LDAP_BIND_SIMPLE },
                  { STR("simple"), LDAP_BIND_SIMPLE },
                  { STR("no"), LDAP_BIND_NONE },
                  { STR("none"), LDAP_BIND_NONE },
                  { STR("sasl"), LDAP_BIND_SASL } };
    struct str value = s->text(s->context, "bind", "yes");

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_equal_nocase(value, words[i].word))
            return words[i].bind;
    log_fatal(STR_FMT ": unsupported parameter value: bind = " STR_FMT, STR_ARG(s->name),
              STR_ARG(value));
}

static int scope_of(const struct plugin_settings *s)
{
    static const struct {
        struct str word;
        int scope;
    } words[] = { { STR("one"), LDAP_SCOPE_ONELEVEL },
                  { STR("base"), LDAP_SCOPE_BASE },
                  { STR("sub"), LDAP_SCOPE_SUBTREE } };
    struct str value = s->text(s->context, "scope", "sub");

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_equal_nocase(value, words[i].word))
            return words[i].scope;
    log_warning("dict_ldap_open: " STR_FMT ": Unrecognized value " STR_FMT
                " specified for scope; using sub",
                STR_ARG(s->name), STR_ARG(value));
    return LDAP_SCOPE_SUBTREE;
}

static void demand_version_3(struct ldap_table *t, const struct plugin_settings *s, const char *who,
                             struct str what)
{
    if (t->server.version >= LDAP_VERSION3)
        return;
    log_warning("dict_ldap_open: " STR_FMT " %s" STR_FMT " requires protocol version 3",
                STR_ARG(s->name), who, STR_ARG(what));
    t->server.version = LDAP_VERSION3;
}

static void read_server(struct ldap_table *t, const struct plugin_settings *s)
{
    struct ldap_server *v = &t->server;
    BUF_AUTO(urls, 0);

    ldap_join_servers(s->text(s->context, "server_host", "localhost"),
                      s->number(s->context, "server_port", LDAP_PORT, 0), &urls);
    v->urls = arena_cstr(&t->query.arena, buf_str(&urls));
    v->timeout_s = s->number(s->context, "timeout", 10, 0);
    v->version = s->number(s->context, "version", LDAP_VERSION2, LDAP_VERSION2);
    v->bind = bind_of(s);
    v->bind_dn = keep(t, s, "bind_dn");
    v->bind_pw = keep(t, s, "bind_pw");
    v->sasl_mechs = keep(t, s, "sasl_mechs");
    v->sasl_realm = keep(t, s, "sasl_realm");
    v->sasl_authz_id = keep(t, s, "sasl_authz_id");
    v->sasl_minssf = s->number(s->context, "sasl_minssf", 0, 0);
    v->debug_level = s->number(s->context, "debuglevel", 0, 0);
}

static void read_tls(struct ldap_table *t, const struct plugin_settings *s)
{
    struct ldap_server *v = &t->server;
    struct str modern = ldap_modern_scheme(str_from(v->urls));

    v->start_tls = s->boolean(s->context, "start_tls", false);
    v->uses_tls = v->start_tls || ldap_has_scheme(str_from(v->urls), STR("ldaps"));
    v->tls_ca_dir = keep(t, s, "tls_ca_cert_dir");
    v->tls_ca_file = keep(t, s, "tls_ca_cert_file");
    v->tls_cert = keep(t, s, "tls_cert");
    v->tls_key = keep(t, s, "tls_key");
    v->tls_random_file = keep(t, s, "tls_random_file");
    v->tls_ciphers = keep(t, s, "tls_cipher_suite");
    v->tls_require_cert = s->boolean(s->context, "tls_require_cert", false);
    if (modern.len)
        demand_version_3(t, s, "URL scheme ", modern);
    if (v->start_tls)
        demand_version_3(t, s, "", STR("start_tls"));
    if (v->bind == LDAP_BIND_SASL)
        demand_version_3(t, s, "", STR("bind = sasl"));
}

/* The lists stand one behind the other: that is how they are looked through. */
static void read_attributes(struct ldap_table *t, const struct plugin_settings *s)
{
    static const struct {
        const char *name, *standard;
        enum ldap_attribute_kind kind;
    } lists[] = { { "result_attribute", "maildrop", LDAP_ORDINARY },
                  { "special_result_attribute", "", LDAP_SPECIAL },
                  { "terminal_result_attribute", "", LDAP_TERMINAL },
                  { "leaf_result_attribute", "", LDAP_LEAF } };
    struct str word;

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct str list = s->text(s->context, lists[i].name, lists[i].standard);
        while (str_token(&list, ", \t\r\n", &word)) {
            t->attributes =
                mem_resize(t->attributes, (t->attribute_count + 1) * sizeof *t->attributes);
            t->attributes[t->attribute_count++] =
                (struct ldap_attribute){ .name = arena_cstr(&t->query.arena, word),
                                         .kind = lists[i].kind };
        }
    }
    t->names = arena_alloc(&t->query.arena, (t->attribute_count + 1) * sizeof *t->names);
    for (size_t i = 0; i < t->attribute_count; i++)
        t->names[i] = mem_unconst(t->attributes[i].name);
}

static int dereference_of(const struct plugin_settings *s)
{
    int value = s->number(s->context, "dereference", 0, 0);

    if (value > LDAP_DEREF_ALWAYS)
        log_warning("dict_ldap_open: " STR_FMT " Unrecognized value %d specified for "
                    "dereference; using 0",
                    STR_ARG(s->name), value);
    return value > LDAP_DEREF_ALWAYS ? 0 : value;
}

/* There was a cache in libraries of long ago. */
static void warn_of_cache(const struct plugin_settings *s)
{
    const struct {
        const char *name;
        bool is_wanted;
    } settings[] = { { "cache", s->boolean(s->context, "cache", false) },
                     { "cache_expiry", s->is_set(s->context, "cache_expiry") },
                     { "cache_size", s->is_set(s->context, "cache_size") } };

    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (settings[i].is_wanted)
            log_warning("dict_ldap_open: " STR_FMT " ignoring %s", STR_ARG(s->name),
                        settings[i].name);
}

static void read_search(struct ldap_table *t, const struct plugin_settings *s)
{
    t->search_base = query_keep(&t->query, s->text(s->context, "search_base", ""));
    query_check_format(&t->query, t->search_base, "query");
    t->scope = scope_of(s);
    t->size_limit = s->number(s->context, "size_limit", t->query.expansion_limit, 0);
    t->recursion_limit = s->number(s->context, "recursion_limit", 1000, 1);
    t->dereference = dereference_of(s);
    t->chase_referrals = s->boolean(s->context, "chase_referrals", false);
    if (!key_format_has_parts(t->query.template))
        log_warning("dict_ldap_open: " STR_FMT ": Fixed query_filter " STR_FMT
                    " is probably useless",
                    STR_ARG(s->name), STR_ARG(t->query.template));
    warn_of_cache(s);
}

/* ---- the table ---- */

static void ldap_table_close(void *table)
{
    struct ldap_table *t = table;

    ldap_connection_close(t->connection);
    free(t->attributes);
    query_fini(&t->query);
    free(t);
}

static void *ldap_table_open(const struct plugin_settings *s, struct buf *error)
{
    struct ldap_table *t = mem_alloc(sizeof *t);
    struct str old_format = s->text(s->context, "result_filter", "%s");

    (void)error;
    query_init(&t->query, s, s->text(s->context, "query_filter", "(mailacceptinggeneralid=%s)"),
               s->is_set(s->context, "result_format") ? s->text(s->context, "result_format", "%s")
                                                      : old_format);
    read_server(t, s);
    read_tls(t, s);
    read_attributes(t, s);
    read_search(t, s);
    t->connection = ldap_connection_open(&t->server);
    return t;
}

const struct table_plugin relevo_table_plugin = { .version = TABLE_PLUGIN_VERSION,
                                                  .set_log = plugin_set_log,
                                                  .open = ldap_table_open,
                                                  .lookup = ldap_table_lookup,
                                                  .close = ldap_table_close };
