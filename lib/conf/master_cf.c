#include "conf/master_cf.h"

#include "base/log.h"
#include "base/number.h"
#include "conf/logical_line.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#define MASTER_CF_MAX (16 << 20)

static const struct {
    struct str name;
    enum master_type type;
} types[] = {
    { STR("inet"), MASTER_INET },
    { STR("unix"), MASTER_UNIX },
    { STR("unix-dgram"), MASTER_UNIX_DGRAM },
    { STR("fifo"), MASTER_FIFO },
    { STR("pass"), MASTER_PASS },
};

static const char *const field_names[MASTER_FIELD_COUNT] = {
    "service", "transport", "private",       "unprivileged",
    "chroot",  "wakeup",    "process_limit", "command",
};
enum field { SERVICE, TYPE, PRIVATE, UNPRIVILEGED, CHROOT, WAKEUP, PROCESS_LIMIT, COMMAND };

/* One line being read. */
struct line_parser {
    struct master_entry *entry;
    struct arena *arena;
    struct buf *error;
};

bool master_type_parse(struct str text, enum master_type *type)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (str_equal(types[i].name, text)) {
            *type = types[i].type;
            return true;
        }
    }
    return false;
}

struct str master_type_name(enum master_type type)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (types[i].type == type)
            return types[i].name;
    return STR_NONE;
}

static bool complain(struct line_parser *p, struct str what, struct str value, struct str end)
{
    buf_join(p->error, what, value, end);
    return false;
}

static struct str field_text(const struct line_parser *p, enum field field)
{
    return p->entry->fields[field].text;
}

static bool is_default(const struct line_parser *p, enum field field)
{
    return str_equal(field_text(p, field), STR("-")) && !p->entry->fields[field].braced;
}

static bool bad_value(struct line_parser *p, enum field field)
{
    buf_join(p->error, STR("field \""), str_from(field_names[field]), STR("\": "));
    return complain(p, STR("bad value: \""), field_text(p, field), STR("\""));
}

static bool require_all(struct line_parser *p)
{
    static const enum field mandatory[] = { SERVICE, TYPE, COMMAND };

    if (p->entry->field_count < MASTER_FIELD_COUNT)
        return complain(p, STR("missing \""), str_from(field_names[p->entry->field_count]),
                        STR("\" field"));
    for (size_t i = 0; i < ARRAY_LEN(mandatory); i++)
        if (is_default(p, mandatory[i]))
            return complain(p, STR("field \""), str_from(field_names[mandatory[i]]),
                            STR("\" has no default value"));
    return true;
}

static bool parse_yes_no(struct line_parser *p, enum field field, bool fallback, bool *value,
                         bool *by_default)
{
    struct str text = field_text(p, field);

    *by_default = is_default(p, field);
    if (*by_default)
        *value = fallback;
    else if (str_equal(text, STR("y")) || str_equal(text, STR("n")))
        *value = text.ptr[0] == 'y';
    else
        return bad_value(p, field);
    return true;
}

static bool parse_count(struct str text, int *value)
{
    int64_t number;

    if (!number_parse_range(text, 0, INT_MAX, &number) || text.ptr[0] == '-')
        return false;
    *value = (int)number;
    return true;
}

static bool parse_wakeup(struct line_parser *p)
{
    struct master_entry *e = p->entry;
    struct str text = field_text(p, WAKEUP);

    e->wakeup_is_default = is_default(p, WAKEUP);
    if (e->wakeup_is_default)
        return true;
    e->wakeup_conditional = str_ends(text, STR("?"));
    if (e->wakeup_conditional)
        text.len--;
    return parse_count(text, &e->wakeup) || bad_value(p, WAKEUP);
}

static bool parse_process_limit(struct line_parser *p)
{
    p->entry->process_limit = -1;
    return is_default(p, PROCESS_LIMIT) ||
           parse_count(field_text(p, PROCESS_LIMIT), &p->entry->process_limit) ||
           bad_value(p, PROCESS_LIMIT);
}

static bool parse_service(struct line_parser *p)
{
    struct master_entry *e = p->entry;
    struct str name = e->service = field_text(p, SERVICE);

    if (!master_type_parse(field_text(p, TYPE), &e->type))
        return complain(p, STR("bad transport type: "), field_text(p, TYPE), STR_NONE);
    if (name.len == 0)
        return complain(p, STR("missing \""), str_from(field_names[SERVICE]), STR("\" field"));
    if (e->type == MASTER_INET) {
        struct str host = str_cut_last(&name, ':');
        if (name.ptr && host.len == 0)
            return complain(p, STR("service definition requires valid host name or address"),
                            STR_NONE, STR_NONE);
        if (name.ptr && name.len == 0)
            return bad_value(p, SERVICE);
    }
    return true;
}

static bool parse_private(struct line_parser *p)
{
    struct master_entry *e = p->entry;
    bool is_inet = e->type == MASTER_INET;

    if (!parse_yes_no(p, PRIVATE, !is_inet, &e->private, &e->private_is_default))
        return false;
    if (is_inet && e->private)
        return complain(p, STR("inet service cannot be private"), STR_NONE, STR_NONE);
    return true;
}

static void parse_arguments(struct line_parser *p)
{
    struct master_entry *e = p->entry;
    struct master_args args = MASTER_ARGS(e->fields, e->field_count);
    struct master_arg arg;
    size_t room = 0;

    /* Clusters of one-letter options make more arguments than there are fields. */
    for (size_t i = MASTER_FIELD_COUNT; i < e->field_count; i++)
        room += 1 + e->fields[i].text.len;
    if (room == 0)
        return;
    e->argv = arena_alloc(p->arena, room * sizeof *e->argv);
    e->settings = arena_alloc(p->arena, e->field_count * sizeof *e->settings);
    while (master_args_next(&args, p->arena, &arg)) {
        if (arg.is_setting)
            e->settings[e->setting_count++] = arg.setting;
        else
            e->argv[e->argc++] = arg.text;
    }
}

static bool parse_entry(struct line_parser *p)
{
    struct master_entry *e = p->entry;

    if (!require_all(p) || !parse_service(p) || !parse_private(p) ||
        !parse_yes_no(p, UNPRIVILEGED, true, &e->unprivileged, &e->unprivileged_is_default) ||
        !parse_yes_no(p, CHROOT, false, &e->chroot, &e->chroot_is_default) || !parse_wakeup(p) ||
        !parse_process_limit(p))
        return false;
    e->command = field_text(p, COMMAND);
    if (e->command.len == 0)
        return bad_value(p, COMMAND);
    parse_arguments(p);
    return true;
}

static bool parse_line(const struct logical_line *line, struct str file, struct arena *arena,
                       struct master_entry *entry, struct buf *error)
{
    struct line_parser p = { entry, arena, error };
    size_t start = error->len;

    buf_join(error, file, STR(": line "));
    buf_add_int(error, line->number);
    buf_add(error, STR(": "));
    *entry = (struct master_entry){ .line = line->number };
    if (str_has(line->text, '\0'))
        return complain(&p, STR("NUL byte"), STR_NONE, STR_NONE);
    if (!master_line_split(line->text, arena, &entry->fields, &entry->field_count))
        return complain(&p, STR("unbalanced or misplaced '{' or '}' in \""), line->text, STR("\""));
    if (!parse_entry(&p))
        return false;
    buf_truncate(error, start);
    return true;
}

static void add_entry(struct master_cf *cf, size_t *room, struct arena *arena,
                      const struct master_entry *entry)
{
    if (cf->count == *room) {
        struct master_entry *old = cf->entries;
        *room = *room ? *room * 2 : 64;
        cf->entries = arena_alloc(arena, *room * sizeof *cf->entries);
        if (cf->count)
            memcpy(cf->entries, old, cf->count * sizeof *cf->entries);
    }
    cf->entries[cf->count++] = *entry;
}

static void mark_replaced(struct master_cf *cf)
{
    for (size_t i = 0; i < cf->count; i++)
        for (size_t j = i + 1; j < cf->count && !cf->entries[i].replaced; j++)
            cf->entries[i].replaced = cf->entries[i].type == cf->entries[j].type &&
                                      str_equal(cf->entries[i].service, cf->entries[j].service);
}

bool master_cf_parse(struct str text, struct str file, struct arena *arena, struct master_cf *out,
                     struct buf *error)
{
    struct logical_reader reader = LOGICAL_READER(text, arena);
    struct logical_line line;
    struct master_cf cf = { 0 };
    struct master_entry entry;
    size_t room = 0;

    while (logical_line_next(&reader, &line)) {
        if (line.indented) {
            log_warning(STR_FMT ": logical line must not start with whitespace: \"" STR_FMT "\"",
                        STR_ARG(file), STR_ARG(line.text));
            continue;
        }
        if (!parse_line(&line, file, arena, &entry, error))
            return false;
        add_entry(&cf, &room, arena, &entry);
    }
    mark_replaced(&cf);
    *out = cf;
    return true;
}

bool master_cf_read(const char *dir, struct arena *arena, struct master_cf *out, struct buf *error)
{
    BUF_AUTO(path, 0);
    BUF_AUTO(text, MASTER_CF_MAX);

    buf_join(&path, str_from(dir), STR("/master.cf"));
    if (!fd_read_plain_file(buf_cstr(&path), &text)) {
        buf_join(error, STR("open "), buf_str(&path), STR(": "), str_from(strerror(errno)));
        return false;
    }
    return master_cf_parse(arena_str(arena, buf_str(&text)), buf_str(&path), arena, out, error);
}

bool master_entry_setting(const struct master_entry *e, struct str name, struct str *value)
{
    for (size_t i = e->setting_count; i-- > 0;) {
        if (str_equal(e->settings[i].name, name)) {
            *value = e->settings[i].value;
            return true;
        }
    }
    return false;
}
