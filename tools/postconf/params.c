#include "conf/service_params.h"
#include "tools/postconf/postconf.h"

#include <stdlib.h>

static bool is_one_of(struct str word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(word, str_from(list[i])))
            return true;
    return false;
}

bool params_is_delivery_agent(const struct master_entry *e)
{
    static const char *const agents[] = { "local", "virtual", "error", "smtp", "lmtp", "pipe" };

    return is_one_of(e->command, agents, ARRAY_LEN(agents));
}

static bool has_time_limit(const struct master_entry *e)
{
    static const char *const runners[] = { "pipe", "spawn" };

    return is_one_of(e->command, runners, ARRAY_LEN(runners));
}

static int compare_names(const void *a, const void *b)
{
    return str_compare(((const struct shown_param *)a)->name,
                       ((const struct shown_param *)b)->name);
}

static struct str joined(struct arena *a, struct str left, struct str right)
{
    BUF_AUTO(text, 0);

    buf_join(&text, left, right);
    return arena_str(a, buf_str(&text));
}

/* A name of the table that belongs to a service of master.cf: local_destination_recipient_limit. */
static void claim(struct shown_params *p, struct str name, const char *fallback)
{
    for (size_t i = 0; i < p->count; i++)
        if (str_equal(p->list[i].name, name))
            p->list[i] = (struct shown_param){ p->list[i].name, CLASS_SERVICE, fallback };
}

static void add_service_param(struct postconf *pc, struct shown_params *out, struct str service,
                              const struct service_param *p)
{
    struct str name = joined(&pc->arena, service, str_from(p->suffix));

    const struct param *own = param_find(name);

    if (own) {
        claim(out, name, param_fallback(own));
        return;
    }
    out->list[out->count++] =
        (struct shown_param){ name, CLASS_SERVICE,
                              joined(&pc->arena, STR("$"), str_from(p->fallback)).ptr };
}

static void add_service_params(struct postconf *pc, struct shown_params *out)
{
    for (size_t i = 0; i < pc->master.count; i++) {
        const struct master_entry *e = &pc->master.entries[i];
        for (size_t j = 0; params_is_delivery_agent(e) && j < transport_param_count; j++)
            add_service_param(pc, out, e->service, &transport_params[j]);
        if (has_time_limit(e))
            add_service_param(pc, out, e->service, &time_limit_param);
    }
}

static void sort_and_unify(struct shown_params *p)
{
    size_t kept = 0;

    qsort(p->list, p->count, sizeof *p->list, compare_names);
    for (size_t i = 0; i < p->count; i++)
        if (kept == 0 || !str_equal(p->list[kept - 1].name, p->list[i].name))
            p->list[kept++] = p->list[i];
    p->count = kept;
}

void params_collect(struct postconf *pc, struct shown_params *out)
{
    size_t room = pc->master.count * (transport_param_count + 1);

    for (size_t s = 0; s < param_set_count; s++)
        room += param_sets[s]->count;
    *out = (struct shown_params){ .list = arena_alloc(&pc->arena, room * sizeof *out->list) };
    for (size_t s = 0; s < param_set_count; s++)
        for (size_t i = 0; i < param_sets[s]->count; i++)
            out->list[out->count++] =
                (struct shown_param){ str_from(param_name(&param_sets[s]->params[i])),
                                      CLASS_BUILTIN, NULL };
    add_service_params(pc, out);
    sort_and_unify(out);
}

const struct shown_param *params_find(const struct shown_params *p, struct str name)
{
    struct shown_param key = { .name = name };

    return bsearch(&key, p->list, p->count, sizeof *p->list, compare_names);
}

bool params_is_raw(struct str name)
{
    const struct param *p = param_find(name);

    return p && p->type == PARAM_RAW;
}

struct str params_raw(struct postconf *pc, const struct shown_param *p)
{
    if (p->class == CLASS_SERVICE && !conf_is_set(pc->conf, p->name))
        return str_from(p->fallback);
    return conf_raw(pc->conf, p->name);
}
