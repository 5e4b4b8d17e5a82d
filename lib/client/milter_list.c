#include "client/milter_list.h"

#include "base/log.h"
#include "conf/params.h"
#include "ipc/connector.h"
#include "ipc/messages/cleanup.h"

static void log_remarks(struct str remarks)
{
    while (remarks.len)
        log_warning(STR_FMT, STR_ARG(str_cut(&remarks, '\n')));
}

void milter_site_open(struct milter_site *site, struct connector *c)
{
    const struct str names[MILTER_STAGE_COUNT] = {
        [MILTER_STAGE_CONNECT] = milter_conf.milter_connect_macros,
        [MILTER_STAGE_HELO] = milter_conf.milter_helo_macros,
        [MILTER_STAGE_MAIL] = milter_conf.milter_mail_macros,
        [MILTER_STAGE_RCPT] = milter_conf.milter_rcpt_macros,
        [MILTER_STAGE_DATA] = milter_conf.milter_data_macros,
        [MILTER_STAGE_EOM] = milter_conf.milter_end_of_data_macros,
        [MILTER_STAGE_EOH] = milter_conf.milter_end_of_header_macros,
        [MILTER_STAGE_UNKNOWN] = milter_conf.milter_unknown_command_macros,
    };
    BUF_AUTO(remarks, 0);
    BUF_AUTO(why, 0);

    *site = (struct milter_site){ .arena = ARENA_INIT, .connector = c };
    memcpy(site->macro_names, names, sizeof names);
    if (!milter_macros_parse(&site->arena, milter_conf.milter_macro_defaults, &site->defaults,
                             &remarks, &why))
        log_fatal(STR_FMT, STR_ARG(buf_str(&why)));
    log_remarks(buf_str(&remarks));
}

static struct milter_settings default_settings(void)
{
    return (struct milter_settings){
        .connect_timeout = milter_conf.milter_connect_timeout,
        .command_timeout = milter_conf.milter_command_timeout,
        .content_timeout = milter_conf.milter_content_timeout,
        .default_action = milter_conf.milter_default_action,
        .protocol = milter_conf.milter_protocol,
    };
}

/* A name that leads nowhere is a fault of that filter alone, and told when it is used. */
static int entry_of(const struct milter_site *site, struct str name)
{
    BUF_AUTO(why, 0);

    if (!milter_name_is_valid(name, &why))
        return -1;
    int entry = connector_add(site->connector, name, &why);
    if (entry < 0)
        log_warning("milter " STR_FMT ": " STR_FMT, STR_ARG(name), STR_ARG(buf_str(&why)));
    return entry;
}

static bool read_list(const struct milter_site *site, struct str text, struct arena *a,
                      struct milter_list *out, struct buf *why)
{
    struct milter_settings defaults = default_settings();
    struct milter_service *services;
    size_t count;

    if (!milter_list_parse(a, text, &defaults, &services, &count, why))
        return false;
    if (count > CLEANUP_MILTERS_MAX) { /* nobody is passed over in silence */
        buf_join(why, STR("too many milters: "), text);
        return false;
    }
    out->items = arena_alloc(a, (count + 1) * sizeof *out->items);
    out->count = count;
    for (size_t i = 0; i < count; i++)
        out->items[i] = (struct milter_filter){
            .name = services[i].name,
            .settings = services[i].settings,
            .entry = entry_of(site, services[i].name),
        };
    return true;
}

void milter_list_open(struct milter_site *site, struct str text, struct milter_list *out)
{
    BUF_AUTO(why, 0);

    if (!read_list(site, text, &site->arena, out, &why))
        log_fatal(STR_FMT, STR_ARG(buf_str(&why)));
}

bool milter_list_find(const struct milter_site *site, struct str text, struct arena *a,
                      struct milter_list *out)
{
    BUF_AUTO(why, 0);

    if (read_list(site, text, a, out, &why))
        return true;
    log_warning(STR_FMT, STR_ARG(buf_str(&why)));
    return false;
}
