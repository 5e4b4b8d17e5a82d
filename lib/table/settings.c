#include "table/settings.h"

#include "base/log.h"
#include "base/number.h"
#include "conf/conf.h"
#include "conf/main_cf.h"

struct table_setting {
    struct table_setting *next;
    struct str name, value;
};

static struct str last_of(const struct table_settings *s, struct str name)
{
    for (const struct table_setting *one = s->first; one; one = one->next)
        if (str_equal(one->name, name))
            return one->value;
    return STR_NONE;
}

/* The last one of a name counts. */
static void keep(void *context, const struct main_cf_setting *from)
{
    struct table_settings *s = context;
    struct table_setting *one = arena_alloc(&s->arena, sizeof *one);
    struct str earlier = last_of(s, from->name);

    if (earlier.ptr && !str_equal(earlier, from->value))
        main_cf_warn_of_override(s->source, from->line, from->name, earlier);
    *one = (struct table_setting){ s->first, arena_str(&s->arena, from->name),
                                   arena_str(&s->arena, from->value) };
    s->first = one;
}

/* ---- files of others ---- */

struct given {
    struct given *next;
    struct str name, text;
};

/* Of this process: nobody who opens a table knows on whose behalf. */
static struct {
    struct arena arena;
    struct given *first;
} given;

void table_settings_give(struct str name, struct str text)
{
    struct given *g = arena_alloc(&given.arena, sizeof *g);

    *g =
        (struct given){ given.first, arena_str(&given.arena, name), arena_str(&given.arena, text) };
    given.first = g;
}

static bool read_text(struct table *t, struct buf *text, struct buf *error)
{
    for (const struct given *g = given.first; g; g = g->next)
        if (str_equal(g->name, t->name)) {
            buf_add(text, g->text);
            return true;
        }
    return table_read_file(t, t->name, text, error);
}

/* ---- the settings ---- */

bool table_settings_are_file(struct str name)
{
    return str_starts(name, STR("/")) || str_starts(name, STR("."));
}

bool table_settings_open(struct table_settings *s, struct table *t, struct buf *error)
{
    BUF_AUTO(text, 0);

    *s = (struct table_settings){ .source = t->name };
    if (!table_settings_are_file(t->name))
        s->main_cf = conf_open(site_conf.config_directory.ptr, error);
    if (table_settings_are_file(t->name)
            ? read_text(t, &text, error) &&
                  main_cf_parse(buf_str(&text), t->name, &s->arena, keep, s, error)
            : s->main_cf != NULL)
        return true;
    table_settings_free(s);
    return false;
}

void table_settings_free(struct table_settings *s)
{
    arena_free(&s->arena);
    if (s->main_cf)
        conf_close(s->main_cf);
}

static struct str from_main_cf(struct table_settings *s, const char *name)
{
    BUF_AUTO(full, 0);

    buf_join(&full, s->source, STR("_"), str_from(name));
    return conf_is_set(s->main_cf, buf_str(&full)) ? conf_value(s->main_cf, buf_str(&full))
                                                   : STR_NONE;
}

static struct str find(struct table_settings *s, const char *name)
{
    if (s->main_cf)
        return from_main_cf(s, name);
    return last_of(s, str_from(name));
}

struct str table_settings_text(struct table_settings *s, const char *name, const char *standard)
{
    struct str value = find(s, name);

    return value.ptr ? value : str_from(standard);
}

bool table_settings_has(struct table_settings *s, const char *name)
{
    return find(s, name).ptr != NULL;
}

int table_settings_number(struct table_settings *s, const char *name, int standard, int least)
{
    struct str value = find(s, name), between = s->main_cf ? STR("_") : STR(": ");
    int64_t number = standard;

    if (value.ptr && !number_parse_range(value, INT32_MIN, INT32_MAX, &number))
        log_fatal(STR_FMT ": bad numerical configuration: %s = " STR_FMT, STR_ARG(s->source), name,
                  STR_ARG(value));
    if (number < least)
        log_fatal("invalid " STR_FMT STR_FMT "%s parameter value %lld < %d", STR_ARG(s->source),
                  STR_ARG(between), name, (long long)number, least);
    return (int)number;
}

bool table_settings_boolean(struct table_settings *s, const char *name, bool standard)
{
    struct str value = find(s, name);

    if (value.ptr && !bool_parse(value, &standard))
        log_fatal(STR_FMT ": bad boolean configuration: %s = " STR_FMT, STR_ARG(s->source), name,
                  STR_ARG(value));
    return standard;
}

struct str table_settings_required(struct table_settings *s, const char *name)
{
    struct str value = find(s, name);

    if (value.len == 0)
        log_fatal(STR_FMT "%sbad string length 0 < 1: " STR_FMT "%s%s = ",
                  STR_ARG(s->main_cf ? STR("") : s->source), s->main_cf ? "" : ": ",
                  STR_ARG(s->main_cf ? s->source : STR("")), s->main_cf ? "_" : "", name);
    return value;
}
