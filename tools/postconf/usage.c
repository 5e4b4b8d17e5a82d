/* Which settings have an effect: names that main.cf makes up count when a value mentions them. */
#include "base/log.h"
#include "base/map.h"
#include "conf/expand.h"
#include "tools/postconf/nearest.h"
#include "tools/postconf/postconf.h"
#include "tools/postconf/table_names.h"

#include <stdlib.h>

#define LIST_BLANKS ", \t\r\n"

/* What main.cf sets, sorted by name. */
struct settings {
    struct master_setting *list;
    size_t count, room;
    struct arena *arena;
};

static void add_setting(void *context, struct str name, struct str value)
{
    struct settings *s = context;

    if (s->count == s->room) {
        struct master_setting *old = s->list;
        s->room = s->room ? s->room * 2 : 64;
        s->list = arena_alloc(s->arena, s->room * sizeof *s->list);
        if (s->count)
            memcpy(s->list, old, s->count * sizeof *old);
    }
    s->list[s->count++] = (struct master_setting){ arena_str(s->arena, name), value };
}

/* What -o gives stands in main.cf, so to speak. */
static void put_override(struct settings *s, const struct master_setting *given)
{
    for (size_t i = 0; i < s->count; i++)
        if (str_equal(s->list[i].name, given->name)) {
            s->list[i].value = given->value;
            return;
        }
    add_setting(s, given->name, given->value);
}

static int compare_settings(const void *a, const void *b)
{
    return str_compare(((const struct master_setting *)a)->name,
                       ((const struct master_setting *)b)->name);
}

static struct settings settings_of_main_cf(struct postconf *pc)
{
    struct settings s = { .arena = &pc->arena };
    struct master_setting given;

    conf_each_setting(pc->conf, add_setting, &s);
    for (int i = 0; i < pc->req.override_count; i++)
        if (master_setting_parse(str_from(pc->req.overrides[i]), &given))
            put_override(&s, &given);
    if (s.count)
        qsort(s.list, s.count, sizeof *s.list, compare_settings);
    return s;
}

/* Everything that values mention. */
struct mentions {
    struct map names;
    struct table_names tables;
};

static void mention(void *context, struct str name)
{
    struct mentions *m = context;

    map_set(&m->names, name, m);
}

static void scan_value(struct mentions *m, struct str value)
{
    expand_each_name(value, mention, m);
    table_names_collect(&m->tables, value);
}

static void scan_list(struct mentions *m, struct str list)
{
    struct str word;

    while (str_token(&list, LIST_BLANKS, &word))
        mention(m, word);
}

/* A default counts where main.cf has another value, too: it may mention the old name of a parameter. */
static void scan_all(struct postconf *pc, const struct shown_params *params, struct mentions *m)
{
    for (size_t i = 0; i < params->count; i++) {
        const struct param *p = param_find(params->list[i].name);
        scan_value(m, params_raw(pc, &params->list[i]));
        if (p)
            scan_value(m, str_from(param_fallback(p)));
    }
    scan_list(m, conf_raw(pc->conf, STR("smtpd_restriction_classes")));
    for (size_t i = 0; i < pc->master.count; i++)
        for (size_t j = 0; j < pc->master.entries[i].setting_count; j++)
            scan_value(m, pc->master.entries[i].settings[j].value);
}

/* Names of main.cf's own that some value of it mentions, used or not. */
static size_t choose_user_params(const struct shown_params *params, const struct settings *s,
                                 struct mentions *m, bool *chosen)
{
    size_t count = 0;

    for (size_t i = 0; i < s->count; i++)
        scan_value(m, s->list[i].value);
    for (size_t i = 0; i < s->count; i++) {
        struct str name = s->list[i].name;
        chosen[i] = !params_find(params, name) &&
                    (map_has(&m->names, name) || table_names_own(&m->tables, name));
        count += chosen[i];
    }
    return count;
}

static struct shown_param *merge(struct postconf *pc, const struct shown_params *params,
                                 const struct settings *s, const bool *chosen, size_t total)
{
    struct shown_param *merged = arena_alloc(&pc->arena, total * sizeof *merged);
    size_t n = 0, p = 0;

    for (size_t i = 0; i < s->count; i++) {
        if (!chosen[i])
            continue;
        while (p < params->count && str_compare(params->list[p].name, s->list[i].name) < 0)
            merged[n++] = params->list[p++];
        merged[n++] = (struct shown_param){ .name = s->list[i].name, .class = CLASS_USER };
    }
    while (p < params->count)
        merged[n++] = params->list[p++];
    return merged;
}

void usage_add_user_params(struct postconf *pc, struct shown_params *params)
{
    struct settings s = settings_of_main_cf(pc);
    struct mentions m = { .names = MAP_INIT };
    bool *chosen = arena_alloc(&pc->arena, s.count + 1);

    scan_all(pc, params, &m);
    size_t count = choose_user_params(params, &s, &m, chosen);
    params->list = merge(pc, params, &s, chosen, params->count + count);
    params->count += count;
    map_free(&m.names, NULL);
    table_names_free(&m.tables);
}

/* Looking for names that nothing defines, in one file. */
struct undefined_search {
    struct postconf *pc;
    const struct shown_params *params;
    const struct master_entry *entry; /* whose settings may define it; or NULL */
    const struct buf *path;
    struct map told;
};

static bool entry_sets(const struct master_entry *e, struct str name)
{
    struct str value;

    return e && master_entry_setting(e, name, &value);
}

static void warn_if_undefined(void *context, struct str name)
{
    struct undefined_search *u = context;

    if (params_find(u->params, name) || conf_is_set(u->pc->conf, name) ||
        entry_sets(u->entry, name) || map_set(&u->told, name, u))
        return;
    log_warning(STR_FMT ": undefined parameter: " STR_FMT, STR_ARG(buf_str(u->path)),
                STR_ARG(name));
}

static bool has_no_value(void *context, struct str name, unsigned depth, struct str *value,
                         struct buf *error)
{
    (void)context, (void)name, (void)depth, (void)error;
    *value = STR("");
    return true;
}

static bool is_not_set(void *context, struct str name)
{
    (void)context, (void)name;
    return false;
}

/* What is no reference at all is said once, here; who shows the value ends with it. */
static bool is_well_formed(struct str value)
{
    static const struct expand_names nothing = { .value = has_no_value, .is_set = is_not_set };
    BUF_AUTO(text, 0);
    BUF_AUTO(error, 0);

    if (expand_text(&nothing, value, 0, &text, &error))
        return true;
    log_warning(STR_FMT, STR_ARG(buf_str(&error)));
    return false;
}

static void search_main_cf(struct undefined_search *u)
{
    struct settings s = settings_of_main_cf(u->pc);
    struct str classes = conf_raw(u->pc->conf, STR("smtpd_restriction_classes")), word;

    for (size_t i = 0; i < s.count; i++)
        if (!params_is_raw(s.list[i].name) && is_well_formed(s.list[i].value))
            expand_each_name(s.list[i].value, warn_if_undefined, u);
    while (str_token(&classes, LIST_BLANKS, &word))
        if (word.ptr[0] != '$')
            warn_if_undefined(u, word);
}

static void search_master_cf(struct undefined_search *u)
{
    for (size_t i = 0; i < u->pc->master.count; i++) {
        u->entry = &u->pc->master.entries[i];
        for (size_t j = 0; j < u->entry->setting_count; j++)
            if (!params_is_raw(u->entry->settings[j].name))
                expand_each_name(u->entry->settings[j].value, warn_if_undefined, u);
    }
}

void usage_warn_undefined(struct postconf *pc, const struct shown_params *params)
{
    struct undefined_search u = {
        .pc = pc, .params = params, .path = &pc->main_path, .told = MAP_INIT
    };

    search_main_cf(&u);
    u.path = &pc->master_path;
    search_master_cf(&u);
    map_free(&u.told, NULL);
}

/* What was meant, where it is nearly said. */
static void suggest(struct str name)
{
    const char *meant = nearest_parameter(name);

    if (meant)
        log_warning(STR_FMT ": did you mean \"%s\"?", STR_ARG(name), meant);
}

void usage_warn_unknown(struct str name)
{
    log_warning(STR_FMT ": unknown parameter", STR_ARG(name));
    suggest(name);
}

static void warn_unused(const struct buf *path, const struct master_setting *s)
{
    log_warning(STR_FMT ": unused parameter: " STR_FMT "=" STR_FMT, STR_ARG(buf_str(path)),
                STR_ARG(s->name), STR_ARG(s->value));
    suggest(s->name);
}

/* Names that another value of the same entry mentions are the entry's own. */
static bool entry_mentions(const struct master_entry *e, struct str name)
{
    struct mentions m = { .names = MAP_INIT };

    for (size_t i = 0; i < e->setting_count; i++)
        scan_value(&m, e->settings[i].value);
    bool found = map_has(&m.names, name) || table_names_own(&m.tables, name);
    map_free(&m.names, NULL);
    table_names_free(&m.tables);
    return found;
}

void usage_warn_unused_main(struct postconf *pc, const struct shown_params *params)
{
    struct settings s = settings_of_main_cf(pc);

    for (size_t i = 0; i < s.count; i++)
        if (params_find(params, s.list[i].name) == NULL)
            warn_unused(&pc->main_path, &s.list[i]);
}

void usage_warn_unused_master(struct postconf *pc, const struct shown_params *params)
{
    for (size_t i = 0; i < pc->master.count; i++) {
        const struct master_entry *e = &pc->master.entries[i];
        for (size_t j = 0; j < e->setting_count; j++)
            if (!params_find(params, e->settings[j].name) &&
                !entry_mentions(e, e->settings[j].name))
                warn_unused(&pc->master_path, &e->settings[j]);
    }
}

/* Parameters that still work and will not for ever. */
static const struct {
    const char *name, *instead;
} deprecated[] = {
    { "disable_dns_lookups", "smtp_dns_support_level" },
    { "lmtp_enforce_tls", "lmtp_tls_security_level" },
    { "lmtp_tls_cipherlist", "lmtp_tls_ciphers" },
    { "lmtp_tls_enforce_peername", "lmtp_tls_security_level" },
    { "lmtp_tls_per_site", "lmtp_tls_policy_maps" },
    { "lmtp_use_tls", "lmtp_tls_security_level" },
    { "postscreen_blacklist_action", "postscreen_denylist_action" },
    { "postscreen_dnsbl_whitelist_threshold", "postscreen_dnsbl_allowlist_threshold" },
    { "postscreen_enforce_tls", "postscreen_tls_security_level" },
    { "postscreen_use_tls", "postscreen_tls_security_level" },
    { "postscreen_whitelist_interfaces", "postscreen_allowlist_interfaces" },
    { "smtp_enforce_tls", "smtp_tls_security_level" },
    { "smtp_tls_cipherlist", "smtp_tls_ciphers" },
    { "smtp_tls_enforce_peername", "smtp_tls_security_level" },
    { "smtp_tls_per_site", "smtp_tls_policy_maps" },
    { "smtp_use_tls", "smtp_tls_security_level" },
    { "smtpd_enforce_tls", "smtpd_tls_security_level" },
    { "smtpd_tls_cipherlist", "smtpd_tls_ciphers" },
    { "smtpd_use_tls", "smtpd_tls_security_level" },
    { "tlsproxy_enforce_tls", "tlsproxy_tls_security_level" },
    { "tlsproxy_use_tls", "tlsproxy_tls_security_level" },
};

void usage_warn_deprecated(struct postconf *pc)
{
    for (size_t i = 0; i < ARRAY_LEN(deprecated); i++)
        if (conf_is_set(pc->conf, str_from(deprecated[i].name)))
            log_warning(
                STR_FMT ": support for parameter \"%s\" will be removed; instead, specify \"%s\"",
                STR_ARG(buf_str(&pc->main_path)), deprecated[i].name, deprecated[i].instead);
}
