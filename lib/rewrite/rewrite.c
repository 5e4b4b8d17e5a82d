/* Opening: parameters with the rewrite service's own settings, lists and tables. */
#include "base/mem.h"
#include "conf/master_cf.h"
#include "rewrite/internal.h"
#include "text/hostname.h"

#include <stdlib.h>

/* `rewrite unix - - n - - trivial-rewrite -o name=value`: those settings count for us too, and the caller's own
 * -o settings do not. */
static void adopt_service_settings(struct conf *conf, struct str service)
{
    ARENA_AUTO(arena);
    BUF_AUTO(error, 1024);
    struct master_cf cf;

    if (!master_cf_read(conf_directory(conf), &arena, &cf, &error))
        return;
    for (size_t i = 0; i < cf.count; i++) {
        const struct master_entry *e = &cf.entries[i];
        if (e->type != MASTER_UNIX || !str_equal(e->service, service))
            continue;
        for (size_t k = 0; k < e->setting_count; k++)
            conf_override(conf, e->settings[k].name, e->settings[k].value);
    }
}

static struct interface_list open_interfaces(struct str names, struct str protocols,
                                             const char *parameter)
{
    BUF_AUTO(why, 1024);
    struct interface_list list;

    if (!interfaces_resolve(names, protocols, &list, &why))
        log_fatal("config variable %s: " STR_FMT, parameter, STR_ARG(buf_str(&why)));
    return list;
}

static struct match_list *open_domains(struct str text, const char *parameter)
{
    return match_list_open(text, parameter, match_flags_for(parameter));
}

/* True: something differs. */
static bool adopt_probe_settings(struct conf *conf)
{
    static const struct str names[] = {
        STR("transport_maps"),
        STR("local_transport"),
        STR("virtual_transport"),
        STR("relay_transport"),
        STR("default_transport"),
        STR("relayhost"),
        STR("sender_dependent_relayhost_maps"),
        STR("sender_dependent_default_transport_maps"),
    };
    ARENA_AUTO(arena);
    struct str values[ARRAY_LEN(names)];
    bool any = false;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        BUF_AUTO(name, 0);
        buf_join(&name, STR("address_verify_"), names[i]);
        values[i] = arena_str(&arena, conf_value(conf, buf_str(&name)));
        any = any || !str_equal(values[i], conf_value(conf, names[i]));
    }
    for (size_t i = 0; any && i < ARRAY_LEN(names); i++)
        conf_override(conf, names[i], values[i]);
    return any;
}

static struct conf *service_settings(struct conf *conf, struct str service)
{
    struct conf *own = conf_fork_without_overrides(conf);

    adopt_service_settings(own, service);
    return own;
}

static struct rewriter *open_with(struct conf *conf)
{
    struct rewriter *r = mem_alloc(sizeof *r);

    r->conf = conf;
    conf_fill(r->conf, &site_param_set, &r->site);
    conf_fill(r->conf, &rewrite_param_set, &r->own);
    r->interfaces =
        open_interfaces(r->site.inet_interfaces, r->site.inet_protocols, "inet_interfaces");
    r->proxies = open_interfaces(conf_value(r->conf, STR("proxy_interfaces")),
                                 r->site.inet_protocols, "proxy_interfaces");
    r->local_domains = open_domains(r->site.mydestination, "mydestination");
    r->alias_domains = open_domains(r->site.virtual_alias_domains, "virtual_alias_domains");
    r->mailbox_domains = open_domains(r->site.virtual_mailbox_domains, "virtual_mailbox_domains");
    r->relay_domains = open_domains(r->site.relay_domains, "relay_domains");
    r->transport_maps = table_list_open(r->site.transport_maps, "transport_maps", TABLE_DEFAULT);
    r->relocated_maps = table_list_open(r->site.relocated_maps, "relocated_maps", TABLE_DEFAULT);
    r->sender_transport_maps =
        table_list_open(r->own.sender_dependent_default_transport_maps,
                        "sender_dependent_default_transport_maps", TABLE_DEFAULT);
    r->sender_relayhost_maps = table_list_open(r->own.sender_dependent_relayhost_maps,
                                               "sender_dependent_relayhost_maps", TABLE_DEFAULT);
    r->transport_keys =
        ADDRESS_KEY_FULL | ADDRESS_KEY_DOMAIN |
        (match_flags_for("transport_maps") & MATCH_SUBDOMAINS ? ADDRESS_KEY_PARENTS
                                                              : ADDRESS_KEY_DOTTED_PARENTS);
    conf_settle(r->conf);
    return r;
}

struct rewriter *rewrite_open(struct conf *conf, struct str service)
{
    return open_with(service_settings(conf, service));
}

struct rewriter *rewrite_open_for_probes(struct conf *conf, struct str service)
{
    struct conf *own = service_settings(conf, service);

    if (adopt_probe_settings(own))
        return open_with(own);
    conf_close(own);
    return NULL;
}

void rewrite_close(struct rewriter *r)
{
    if (r == NULL)
        return;
    match_list_close(r->local_domains);
    match_list_close(r->alias_domains);
    match_list_close(r->mailbox_domains);
    match_list_close(r->relay_domains);
    table_list_close(r->transport_maps);
    table_list_close(r->relocated_maps);
    table_list_close(r->sender_transport_maps);
    table_list_close(r->sender_relayhost_maps);
    interfaces_free(&r->interfaces);
    interfaces_free(&r->proxies);
    map_free(&r->looked_at, NULL);
    conf_close(r->conf);
    free(r);
}

enum match_result rewrite_match_local(struct rewriter *r, struct str domain)
{
    struct str literal = hostname_literal_address(domain);

    if (literal.len)
        return interfaces_contain(&r->interfaces, literal) ||
                       interfaces_contain(&r->proxies, literal)
                   ? MATCH_YES
                   : MATCH_NO;
    return match_domain(r->local_domains, domain);
}

bool rewrite_domain_is_local(struct rewriter *r, struct str domain)
{
    return rewrite_match_local(r, domain) == MATCH_YES;
}
