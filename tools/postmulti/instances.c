#include "base/log.h"
#include "base/map.h"
#include "tools/postmulti/multi.h"

#include <string.h>

/* Directories that instances may share with each other, but in which nobody's configuration or mail lies. */
static const char *const shared[] = {
    "command_directory", "daemon_directory", "shlib_directory",  "html_directory",
    "manpage_directory", "sample_directory", "readme_directory",
};

static const char *text_of(struct conf *conf, const char *name)
{
    return conf_value(conf, str_from(name)).ptr;
}

static void fill(struct instance *i)
{
    struct postmulti_params own;

    conf_fill(i->conf, &postmulti_param_set, &own);
    i->config_directory = conf_directory(i->conf);
    i->queue_directory = text_of(i->conf, "queue_directory");
    i->data_directory = text_of(i->conf, "data_directory");
    i->name = own.multi_instance_name.ptr;
    i->group = own.multi_instance_group.ptr;
    i->enabled = own.multi_instance_enable;
}

struct instance instance_open(const char *dir)
{
    BUF_AUTO(error, 0);
    struct instance i = { .conf = conf_open(dir, &error) };

    if (i.conf == NULL) {
        log_error(STR_FMT, STR_ARG(buf_str(&error)));
        log_fatal("Failed to obtain all required %s/main.cf parameters", dir);
    }
    fill(&i);
    return i;
}

/* Who has a name or a directory, and under which parameter. */
struct claim {
    const struct instance *owner;
    const char *parameter;
};

static void claim(struct site *s, struct map *taken, const struct instance *i,
                  const char *parameter, const char *value)
{
    const struct claim *other = map_get(taken, str_from(value));
    struct claim *own;

    if (*value == '\0')
        return;
    if (other)
        log_fatal("instance %s, %s=%s conflicts with instance %s, %s=%s", i->config_directory,
                  parameter, value, other->owner->config_directory, other->parameter, value);
    own = arena_alloc(&s->arena, sizeof *own);
    *own = (struct claim){ i, parameter };
    (void)map_set(taken, str_from(value), own);
}

static void claim_shared(struct site *s, struct map *taken, const struct instance *i)
{
    for (size_t n = 0; n < ARRAY_LEN(shared); n++) {
        const char *value = text_of(i->conf, shared[n]);
        if (*value == '/' && !map_has(taken, str_from(value)))
            claim(s, taken, i, shared[n], value);
    }
}

void site_check(struct site *s)
{
    struct map taken = MAP_INIT;

    for (size_t n = 0; n < s->count; n++) {
        const struct instance *i = &s->list[n];
        claim(s, &taken, i, "multi_instance_name", i->name);
        claim(s, &taken, i, "config_directory", i->config_directory);
        claim(s, &taken, i, "queue_directory", i->queue_directory);
        claim(s, &taken, i, "data_directory", i->data_directory);
        claim_shared(s, &taken, i);
    }
    map_free(&taken, NULL);
}

static size_t count_words(struct str list)
{
    struct str word;
    size_t n = 0;

    while (str_token(&list, ", \t\r\n", &word))
        n++;
    return n;
}

void site_open(struct site *s, struct conf *primary)
{
    struct instance first = { .conf = primary, .is_primary = true };
    struct str rest, dir;

    *s = (struct site){ .count = 1 };
    conf_fill(primary, &postmulti_param_set, &s->params);
    fill(&first);
    rest = s->params.multi_instance_directories;
    s->list = arena_alloc(&s->arena, (count_words(rest) + 1) * sizeof *s->list);
    s->list[0] = first;
    while (str_token(&rest, ", \t\r\n", &dir))
        s->list[s->count++] = instance_open(arena_cstr(&s->arena, dir));
    /* Without others it is the mail system, whatever is written there. */
    if (s->count == 1)
        s->list[0].enabled = true;
    site_check(s);
}

static bool has_name(const struct instance *i, const char *name)
{
    if (strcmp(name, "-") == 0)
        return i->is_primary;
    return strcmp(i->config_directory, name) == 0 ||
           (*i->name &&
            (strcmp(i->name, name) == 0 || (str_starts(str_from(i->name), STR("postfix-")) &&
                                            strcmp(i->name + strlen("postfix-"), name) == 0)));
}

bool is_selected(const struct request *r, const struct instance *i)
{
    switch (r->selector) {
    case 'g':
        return strcmp(i->group, r->selected) == 0;
    case 'i':
        return has_name(i, r->selected);
    default:
        return true;
    }
}
