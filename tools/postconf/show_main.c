#include "base/log.h"
#include "tools/postconf/postconf.h"

static void show_param(struct postconf *pc, const struct shown_param *p)
{
    if (!(p->class & pc->req.classes) || (pc->req.only_set && !conf_is_set(pc->conf, p->name)))
        return;
    struct str value = params_raw(pc, p);
    print_setting(pc, p->name,
                  params_is_raw(p->name) ? value : expand_if_asked(pc, pc->conf, value));
}

/* Names of our own stay out of the whole listing unless the site has set them: scripts compare it with the peer's. */
static bool is_listed(struct postconf *pc, const struct shown_param *p)
{
    return !str_starts(p->name, STR("relevo_")) ||
           (pc->conf_is_read && conf_is_set(pc->conf, p->name));
}

static void show_named(struct postconf *pc, const struct shown_params *params)
{
    for (int i = 0; i < pc->req.arg_count; i++) {
        const struct shown_param *p = params_find(params, str_from(pc->req.args[i]));
        if (p)
            show_param(pc, p);
        else
            usage_warn_unknown(str_from(pc->req.args[i]));
    }
}

void show_main(struct postconf *pc)
{
    struct shown_params params;

    params_collect(pc, &params);
    if (pc->conf_is_read)
        usage_add_user_params(pc, &params);
    if (pc->conf_is_read && !pc->req.quiet)
        usage_warn_undefined(pc, &params);
    if (pc->req.arg_count)
        show_named(pc, &params);
    else
        for (size_t i = 0; i < params.count; i++)
            if (is_listed(pc, &params.list[i]))
                show_param(pc, &params.list[i]);
    if (pc->conf_is_read && !pc->req.quiet) {
        usage_warn_deprecated(pc);
        usage_warn_unused_main(pc, &params);
        usage_warn_unused_master(pc, &params);
    }
}
