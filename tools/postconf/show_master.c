#include "base/log.h"
#include "tools/postconf/postconf.h"

#include <stdlib.h>

static const char *const field_names[MASTER_FIELD_COUNT] = {
    "service", "type", "private", "unprivileged", "chroot", "wakeup", "process_limit", "command",
};

/* Types hold no slash and service names may: the type is the first part that is one, or `*`. */
struct pattern pattern_parse(struct str text)
{
    enum master_type type;
    struct pattern p = { .service = text };

    for (size_t at = 0; at < text.len; at++) {
        if (text.ptr[at] != '/')
            continue;
        struct str rest = str_skip(text, at + 1), part = str_cut(&rest, '/');
        if (!str_equal(part, STR("*")) && !master_type_parse(part, &type) && str_has(rest, '/'))
            continue;
        p.service = str_sub(text, 0, at);
        p.type = part;
        p.name = rest.len ? rest : STR_NONE;
        if (str_equal(part, STR("*")) || master_type_parse(part, &type))
            break;
    }
    return p;
}

bool pattern_matches(struct str pattern, struct str text)
{
    return pattern.ptr == NULL || str_equal(pattern, STR("*")) || str_equal(pattern, text);
}

static bool entry_matches(const struct pattern *p, const struct master_entry *e)
{
    return pattern_matches(p->service, e->service) &&
           pattern_matches(p->type, master_type_name(e->type));
}

static bool is_field(struct str name)
{
    for (size_t i = 0; i < MASTER_FIELD_COUNT; i++)
        if (str_equal(name, str_from(field_names[i])))
            return true;
    return false;
}

/* `*` stands for a whole part or not at all. */
static bool is_part(struct str part)
{
    return part.ptr == NULL || str_equal(part, STR("*")) || !str_has(part, '*');
}

static void check_pattern(char mode, const struct pattern *p)
{
    bool good = p->service.len && p->service.ptr[0] != '/' && is_part(p->service) &&
                is_part(p->type) && is_part(p->name);

    if (!good || str_has(p->name, '/') || (mode == 'M' && p->name.ptr))
        log_fatal("-%c option requires service_name[/type%s]", mode,
                  mode == 'M'   ? ""
                  : mode == 'F' ? "[/field]"
                                : "[/parameter]");
    if (mode == 'F' && p->name.ptr && !str_equal(p->name, STR("*")) && !is_field(p->name))
        log_fatal("invalid service attribute name: \"" STR_FMT "\"", STR_ARG(p->name));
}

typedef bool show_entry_fn(struct postconf *pc, const struct master_entry *e,
                           const struct pattern *p);

/* Entries that a pattern asks for; without arguments, all. */
static void show_chosen(struct postconf *pc, show_entry_fn *show)
{
    static const struct pattern everything;

    for (int i = 0; i < pc->req.arg_count || i == 0; i++) {
        struct pattern p =
            pc->req.arg_count ? pattern_parse(str_from(pc->req.args[i])) : everything;
        bool found = false;
        if (pc->req.arg_count)
            check_pattern(pc->req.mode, &p);
        for (size_t e = 0; e < pc->master.count; e++)
            if (entry_matches(&p, &pc->master.entries[e]))
                found |= show(pc, &pc->master.entries[e], &p);
        if (!found && pc->req.arg_count)
            log_warning("unmatched request: \"%s\"", pc->req.args[i]);
    }
}

static void show_matching(struct postconf *pc, show_entry_fn *show)
{
    struct shown_params params;

    params_collect(pc, &params);
    usage_add_user_params(pc, &params);
    if (!pc->req.quiet)
        usage_warn_undefined(pc, &params);
    show_chosen(pc, show);
    if (!pc->req.quiet)
        usage_warn_unused_master(pc, &params);
}

/* The -o settings of a service, as the main.cf values of its process. */
static struct conf *scope_of(struct postconf *pc, const struct master_entry *e)
{
    struct conf *scope = conf_fork_without_overrides(pc->conf);

    conf_override(scope, STR("service_name"), e->service);
    conf_override(scope, STR("process_name"), e->command);
    for (size_t i = 0; i < e->setting_count; i++)
        conf_override(scope, e->settings[i].name, e->settings[i].value);
    return scope;
}

/* With -x the settings among the options are expanded; the program's own arguments have macros of
 * their own. */
static void expand_settings(struct postconf *pc, struct conf *scope, struct master_field *fields,
                            size_t count)
{
    for (size_t i = MASTER_FIELD_COUNT; i < count && str_starts(fields[i].text, STR("-")); i++)
        if (str_starts(fields[i].text, STR("-o"))) {
            i += fields[i].text.len == 2 && i + 1 < count;
            fields[i].text = expand_if_asked(pc, scope, fields[i].text);
        }
}

static const struct master_field *fields_to_show(struct postconf *pc, const struct master_entry *e)
{
    if (!pc->req.expand)
        return e->fields;
    struct conf *scope = scope_of(pc, e);
    struct master_field *fields = arena_alloc(&pc->arena, e->field_count * sizeof *fields);
    memcpy(fields, e->fields, e->field_count * sizeof *fields);
    expand_settings(pc, scope, fields, e->field_count);
    conf_close(scope);
    return fields;
}

static bool show_entry(struct postconf *pc, const struct master_entry *e, const struct pattern *p)
{
    BUF_AUTO(out, 0);

    (void)p;
    print_master_line(&out, &pc->arena, fields_to_show(pc, e), e->field_count, pc->req.fold);
    print_flush(&out);
    return true;
}

void show_master(struct postconf *pc) { show_matching(pc, show_entry); }

static struct str qualified(struct postconf *pc, const struct master_entry *e, struct str name)
{
    BUF_AUTO(text, 0);

    buf_join(&text, e->service, STR("/"), master_type_name(e->type), STR("/"), name);
    return arena_str(&pc->arena, buf_str(&text));
}

static bool show_entry_fields(struct postconf *pc, const struct master_entry *e,
                              const struct pattern *p)
{
    const struct master_field *fields = fields_to_show(pc, e);

    for (size_t i = 0; i < MASTER_FIELD_COUNT; i++) {
        struct str name = str_from(field_names[i]);
        if (!pattern_matches(p->name, name))
            continue;
        if (i == MASTER_FIELD_COUNT - 1)
            print_command_setting(pc, qualified(pc, e, name), fields, e->field_count);
        else
            print_setting(pc, qualified(pc, e, name), fields[i].text);
    }
    return true;
}

void show_fields(struct postconf *pc) { show_matching(pc, show_entry_fields); }

static int compare_settings(const void *a, const void *b)
{
    return str_compare(((const struct master_setting *)a)->name,
                       ((const struct master_setting *)b)->name);
}

/* By name; of settings with the same name only the last, which is the one that counts. */
static size_t sort_settings(const struct master_entry *e, struct master_setting *sorted)
{
    size_t count = 0;
    struct str value;

    for (size_t i = 0; i < e->setting_count; i++)
        if (master_entry_setting(e, e->settings[i].name, &value) &&
            value.ptr == e->settings[i].value.ptr)
            sorted[count++] = e->settings[i];
    if (count)
        qsort(sorted, count, sizeof *sorted, compare_settings);
    return count;
}

static bool show_entry_settings(struct postconf *pc, const struct master_entry *e,
                                const struct pattern *p)
{
    struct master_setting *sorted = arena_alloc(&pc->arena, e->setting_count * sizeof *sorted);
    size_t count = sort_settings(e, sorted);
    struct conf *scope = scope_of(pc, e);
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        if (!pattern_matches(p->name, sorted[i].name))
            continue;
        found = true;
        print_setting(pc, qualified(pc, e, sorted[i].name),
                      expand_if_asked(pc, scope, sorted[i].value));
    }
    conf_close(scope);
    return found;
}

void show_settings(struct postconf *pc) { show_matching(pc, show_entry_settings); }
