#include "client/tls_maps.h"

#include "base/log.h"
#include "client/tlsmgr.h"
#include "table/match.h"
#include "table/type.h"

/* ---- how much is logged ---- */

struct tls_log_maps tls_log_maps_open(struct str text, const char *parameter, unsigned otherwise)
{
    return (struct tls_log_maps){
        .maps = table_list_open(text, parameter, TABLE_DEFAULT),
        .plain_parents = match_flags_for(parameter) & MATCH_SUBDOMAINS,
        .otherwise = otherwise,
    };
}

/* DUNNO in a table is as good as no entry. */
static bool says_something(enum table_result found, struct buf *value)
{
    if (found == TABLE_FOUND && !str_equal_nocase(str_trim(buf_str(value)), STR("DUNNO")))
        return true;
    buf_clear(value);
    return false;
}

unsigned tls_log_maps_find(const struct tls_log_maps *m, struct str name, struct str address)
{
    BUF_AUTO(value, 0);

    if (table_list_is_empty(m->maps))
        return m->otherwise;
    if ((name.ptr &&
         says_something(table_list_lookup_domain(m->maps, name, m->plain_parents, &value),
                        &value)) ||
        says_something(table_list_lookup_ip(m->maps, address, &value), &value))
        return tls_log_parse(table_list_parameter(m->maps), buf_str(&value));
    return m->otherwise;
}

/* ---- names that clients ask for ---- */

static enum tls_chain find_chain(void *context, struct str name, struct buf *pem)
{
    struct table_list *maps = context;

    switch (table_list_lookup_domain(maps, name, false, pem)) {
    case TABLE_FOUND:
        return TLS_CHAIN_FOUND;
    case TABLE_NOT_FOUND:
        return TLS_CHAIN_NONE;
    case TABLE_ERROR:
        break;
    }
    log_warning("tls_server_sni_maps: " STR_FMT " map lookup problem", STR_ARG(name));
    return TLS_CHAIN_ERROR;
}

/* Where somebody else looks. */
static void watch_tables(struct str maps, struct watch *files)
{
    struct str map;

    while (str_token(&maps, ", \t\r\n", &map))
        table_spec_watch(map, files);
}

struct tls_server_names tls_names_open_tables(struct str text)
{
    return (struct tls_server_names){
        find_chain,
        table_list_open(text, "tls_server_sni_maps", TABLE_DEFAULT | TABLE_VALUES_ARE_FILES),
    };
}

struct tls_server_names tls_names_open(struct str text, struct watch *files)
{
    struct tls_server_names names = { .find = NULL };

    if (text.len == 0)
        return names;
    if (tlsmgr_finds_names(text, &names)) {
        watch_tables(text, files);
        return names;
    }
    return tls_names_open_tables(text);
}
