#include "conf/check.h"

#include "conf/internal.h"
#include "conf/service_params.h"

#include <stdlib.h>

struct checking {
    struct conf *conf;
    const struct check_listener *listener;
    const struct master_entry *entry; /* whose settings are looked at; NULL: main.cf */
    struct map told;                  /* faults: several values may fail for the same reason */
    unsigned faults;
};

/* What main.cf sets, in the order of its lines. */
struct settings {
    struct str *names;
    size_t count;
};

static void add_place(const struct checking *k, struct str name, struct buf *text)
{
    if (k->entry == NULL) {
        conf_add_place(k->conf, name, text);
        return;
    }
    buf_join(text, str_from(conf_directory(k->conf)), STR("/master.cf: line "));
    buf_add_int(text, k->entry->line);
    buf_join(text, STR(": -o "), name, STR(": "));
}

static void tell(struct checking *k, struct str name, struct str problem)
{
    BUF_AUTO(text, 0);

    add_place(k, name, &text);
    buf_add(&text, problem);
    if (map_set(&k->told, buf_str(&text), k))
        return;
    k->faults++;
    k->listener->tell(k->listener->context, buf_str(&text));
}

static void tell_meaning(void *context, struct str name, struct str problem)
{
    tell(context, name, problem);
}

/* A fault of expansion is where the text is that cannot be expanded. */
static void check_value(struct checking *k, const struct param *p, struct str name)
{
    union any_value value;
    BUF_AUTO(problem, 0);

    k->conf->culprit = STR_NONE;
    if (!fill_member(k->conf, p, name, (char *)&value, &problem))
        tell(k, k->conf->culprit.len ? k->conf->culprit : name, buf_str(&problem));
}

static void check_setting(struct checking *k, struct str name)
{
    const struct param *p = param_find(name);

    if (p == NULL)
        p = service_param_find(name);
    if (p)
        check_value(k, p, name);
}

static void count_setting(void *context, struct str name, struct str value)
{
    (void)name;
    (void)value;
    ++*(size_t *)context;
}

static void add_setting(void *context, struct str name, struct str value)
{
    struct settings *s = context;

    (void)value;
    s->names[s->count++] = name;
}

static int compare_lines(const void *a, const void *b, void *conf)
{
    unsigned left = conf_line_of(conf, *(const struct str *)a),
             right = conf_line_of(conf, *(const struct str *)b);

    return left < right ? -1 : left > right;
}

static void check_all_settings(struct checking *k)
{
    ARENA_AUTO(arena);
    struct settings s = { 0 };
    size_t room = 0;

    conf_each_setting(k->conf, count_setting, &room);
    s.names = arena_alloc(&arena, (room + 1) * sizeof *s.names);
    conf_each_setting(k->conf, add_setting, &s);
    qsort_r(s.names, s.count, sizeof *s.names, compare_lines, k->conf);
    for (size_t i = 0; i < s.count; i++)
        check_setting(k, s.names[i]);
}

unsigned conf_check_main(struct conf *c, const struct check_listener *listener)
{
    struct checking k = { .conf = c, .listener = listener };
    const struct fault_sink faults = { tell_meaning, &k };

    meaning_check(c, MEANING_ALL, &faults);
    check_all_settings(&k);
    map_free(&k.told, NULL);
    return k.faults;
}

/* The settings as the service's process sees them, on top of main.cf. */
unsigned conf_check_service(struct conf *c, const struct master_entry *e,
                            const struct check_listener *listener)
{
    struct checking k = { .conf = conf_fork_without_overrides(c),
                          .listener = listener,
                          .entry = e };

    conf_override(k.conf, STR("service_name"), e->service);
    conf_override(k.conf, STR("process_name"), e->command);
    for (size_t i = 0; i < e->setting_count; i++)
        conf_override(k.conf, e->settings[i].name, e->settings[i].value);
    for (size_t i = 0; i < e->setting_count; i++)
        check_setting(&k, e->settings[i].name);
    map_free(&k.told, NULL);
    conf_close(k.conf);
    return k.faults;
}
