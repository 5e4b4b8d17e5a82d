#include "base/log.h"
#include "base/number.h"
#include "conf/logical_line.h"
#include "tools/postconf/postconf.h"

#include <limits.h>

/* One argument: which entries it is about, and what it makes of them. */
struct change {
    const char *argument;
    struct pattern where;
    struct str value;            /* -F, -P: the new value */
    struct master_field *fields; /* -M, -F command: the new line or the new command */
    size_t field_count;
    size_t field; /* -F */
    bool found;
};

struct master_edit {
    struct postconf *pc;
    struct change *changes;
    size_t count;
};

static const char *const field_names[MASTER_FIELD_COUNT] = {
    "service", "type", "private", "unprivileged", "chroot", "wakeup", "process_limit", "command",
};
enum { SERVICE, TYPE, PRIVATE, UNPRIVILEGED, CHROOT, WAKEUP, PROCESS_LIMIT, COMMAND };

static bool is_count(struct str text)
{
    int64_t number;

    return number_parse_range(text, 0, INT_MAX, &number) && text.ptr[0] != '-';
}

static bool is_valid_field(size_t field, struct str text)
{
    enum master_type type;

    if (text.len == 0)
        return false;
    switch (field) {
    case TYPE:
        return master_type_parse(text, &type);
    case PRIVATE:
    case UNPRIVILEGED:
    case CHROOT:
        return str_equal(text, STR("-")) || str_equal(text, STR("y")) || str_equal(text, STR("n"));
    case WAKEUP:
        if (str_ends(text, STR("?")))
            text.len--;
        return str_equal(text, STR("-")) || is_count(text);
    case PROCESS_LIMIT:
        return str_equal(text, STR("-")) || is_count(text);
    default:
        return true;
    }
}

static void check_field(size_t field, struct str text, struct str whole)
{
    if (!is_valid_field(field, text))
        log_fatal("invalid %s field \"" STR_FMT "\" in \"" STR_FMT "\"", field_names[field],
                  STR_ARG(text), STR_ARG(whole));
}

static void split(struct postconf *pc, struct str text, struct master_field **fields, size_t *count)
{
    if (!master_line_split(text, &pc->arena, fields, count))
        log_fatal("unbalanced or misplaced '{' or '}' in \"" STR_FMT "\"", STR_ARG(text));
}

static void parse_line(struct postconf *pc, struct change *c)
{
    split(pc, c->value, &c->fields, &c->field_count);
    if (c->field_count < MASTER_FIELD_COUNT)
        log_fatal("bad field count: \"%s\"", c->argument);
    for (size_t i = 0; i < MASTER_FIELD_COUNT; i++)
        check_field(i, c->fields[i].text, c->value);
}

static void parse_field(struct postconf *pc, struct change *c)
{
    for (c->field = 0; c->field < MASTER_FIELD_COUNT; c->field++)
        if (str_equal(c->where.name, str_from(field_names[c->field])))
            break;
    if (c->field == MASTER_FIELD_COUNT)
        log_fatal("invalid service attribute name: \"" STR_FMT "\"", STR_ARG(c->where.name));
    check_field(c->field, c->value, c->value);
    if (c->field == COMMAND)
        split(pc, c->value, &c->fields, &c->field_count);
}

static void parse_value(struct postconf *pc, struct change *c)
{
    switch (pc->req.mode) {
    case 'M':
        parse_line(pc, c);
        break;
    case 'F':
        parse_field(pc, c);
        break;
    case 'P':
        if (str_find_any(c->value, " \t") != STR_NOT_FOUND)
            log_fatal("-Pe does not accept whitespace in parameter value");
        break;
    }
}

static void check_pattern(struct postconf *pc, const struct change *c)
{
    bool named = c->where.name.ptr != NULL;

    if (pc->req.mode == 'M' && (c->where.type.ptr == NULL || named))
        log_fatal("-Me, -MX or -M# requires service_name/type");
    if (pc->req.mode != 'M' && !named)
        log_fatal("-%ce or -%cX requires service_name/type/%s", pc->req.mode, pc->req.mode,
                  pc->req.mode == 'F' ? "field_name" : "parameter");
}

static struct change parse_change(struct postconf *pc, const char *argument)
{
    struct str text = str_from(argument);
    size_t equals = str_find(text, '=');
    struct change c = { .argument = argument };

    if (str_find_any(text, "\r\n") != STR_NOT_FOUND)
        log_fatal("-e, -X, or -# accepts no multi-line input");
    if (pc->req.edit == 'e' && equals == STR_NOT_FOUND)
        log_fatal("missing '=' after attribute name: \"%s\"", argument);
    c.where = pattern_parse(str_trim(str_sub(text, 0, equals)));
    check_pattern(pc, &c);
    if (pc->req.edit == 'e') {
        c.value = str_trim(str_skip(text, equals + 1));
        parse_value(pc, &c);
    }
    return c;
}

/* A line under change: its fields, and whether anything came of it. */
struct present {
    struct postconf *pc;
    struct master_field *fields;
    size_t count;
    bool changed, removed;
};

static void replace_tail(struct present *p, size_t keep, const struct master_field *tail,
                         size_t count)
{
    struct master_field *fields = arena_alloc(&p->pc->arena, (keep + count) * sizeof *fields);

    memcpy(fields, p->fields, keep * sizeof *fields);
    if (count)
        memcpy(fields + keep, tail, count * sizeof *fields);
    p->fields = fields;
    p->count = keep + count;
    p->changed = true;
}

/* Field changes keep the rest of the line; a new command brings its arguments. */
static void change_field(struct present *p, const struct change *c)
{
    if (c->field == COMMAND) {
        replace_tail(p, COMMAND, c->fields, c->field_count);
        return;
    }
    p->fields[c->field] = (struct master_field){ .text = c->value };
    p->changed = true;
}

static struct str joined(struct present *p, struct str name, struct str value)
{
    BUF_AUTO(text, 0);

    buf_join(&text, name, STR("="), value);
    return arena_str(&p->pc->arena, buf_str(&text));
}

/* The arguments again, one option to a field, with `c`'s setting changed, dropped or added behind the
 * other options. */
static void change_setting(struct present *p, const struct change *c, bool remove)
{
    struct master_args args = MASTER_ARGS(p->fields, p->count);
    struct master_arg arg;
    size_t room = 2, n = 0, options_end = 0;
    bool found = false, untouched = true;

    for (size_t i = MASTER_FIELD_COUNT; i < p->count; i++)
        room += 2 + p->fields[i].text.len;
    struct master_field *list = arena_alloc(&p->pc->arena, room * sizeof *list);
    while (master_args_next(&args, &p->pc->arena, &arg)) {
        bool ours = arg.is_setting && str_equal(arg.setting.name, c->where.name);
        untouched &= !ours;
        if (ours && (remove || found))
            continue;
        if (arg.is_setting)
            list[n++] = (struct master_field){ .text = STR("-o") };
        struct str value = ours ? c->value : arg.setting.value;
        list[n++] =
            (struct master_field){ arg.is_setting ? joined(p, arg.setting.name, value) : arg.text,
                                   arg.braced };
        found |= ours;
        if (!args.options_over)
            options_end = n;
    }
    if (!found && !remove) {
        memmove(list + options_end + 2, list + options_end, (n - options_end) * sizeof *list);
        list[options_end] = (struct master_field){ .text = STR("-o") };
        list[options_end + 1] = (struct master_field){ .text = joined(p, c->where.name, c->value) };
        n += 2;
        untouched = false;
    }
    if (!untouched)
        replace_tail(p, MASTER_FIELD_COUNT, list, n);
}

static void apply_change(struct present *p, struct change *c)
{
    bool first = !c->found;

    c->found = true;
    if (p->pc->req.mode == 'F') {
        change_field(p, c);
    } else if (p->pc->req.mode == 'P') {
        change_setting(p, c, p->pc->req.edit == 'X');
    } else if (p->pc->req.edit == 'e' && first) {
        replace_tail(p, 0, c->fields, c->field_count);
    } else {
        p->removed = true;
    }
}

static bool matches(const struct change *c, const struct present *p)
{
    return p->count >= MASTER_FIELD_COUNT &&
           pattern_matches(c->where.service, p->fields[SERVICE].text) &&
           pattern_matches(c->where.type, p->fields[TYPE].text);
}

/* `lines` are the physical lines of one entry.  What was not changed stays as it is written; comments
 * inside an entry stay in any case. */
static void edit_entry(struct master_edit *m, struct str text, struct str lines, struct buf *out)
{
    struct present p = { .pc = m->pc };
    bool written = false;

    if (!master_line_split(text, &m->pc->arena, &p.fields, &p.count))
        p.count = 0;
    for (size_t i = 0; i < m->count; i++)
        if (!p.removed && matches(&m->changes[i], &p))
            apply_change(&p, &m->changes[i]);
    while (lines.len) {
        struct str physical = str_cut(&lines, '\n');
        bool comment = logical_line_is_comment(physical);
        if (comment || !(p.changed || p.removed))
            buf_join(out, physical, STR("\n"));
        else if (p.removed && m->pc->req.edit == '#')
            buf_join(out, STR("#"), physical, STR("\n"));
        else if (p.changed && !p.removed && !written) {
            print_master_line(out, &m->pc->arena, p.fields, p.count, true);
            written = true;
        }
    }
}

static bool begins_entry(struct str physical)
{
    return !logical_line_is_comment(physical) && !char_is_space(physical.ptr[0]);
}

/* The physical lines from an entry's first to its last; comments behind it are not part of it. */
static struct str take_entry(struct str *rest)
{
    struct str ahead = *rest;
    size_t end = 0;

    for (bool first = true; ahead.len; first = false) {
        struct str physical = str_cut(&ahead, '\n');
        if (!first && begins_entry(physical))
            break;
        if (!logical_line_is_comment(physical))
            end = rest->len - ahead.len;
    }
    struct str lines = str_sub(*rest, 0, end);
    *rest = str_skip(*rest, end);
    return lines;
}

static void edit_text(void *context, struct str old, struct buf *out)
{
    struct master_edit *m = context;

    while (old.len) {
        struct str ahead = old, physical = str_cut(&ahead, '\n');
        if (logical_line_is_comment(physical)) {
            buf_join(out, physical, STR("\n"));
            old = ahead;
            continue;
        }
        struct str lines = take_entry(&old);
        struct logical_reader reader = LOGICAL_READER(lines, &m->pc->arena);
        struct logical_line line;
        if (logical_line_next(&reader, &line))
            edit_entry(m, line.text, lines, out);
    }
    for (size_t i = 0; i < m->count; i++) {
        struct change *c = &m->changes[i];
        if (c->found)
            continue;
        if (m->pc->req.mode == 'M' && m->pc->req.edit == 'e')
            print_master_line(out, &m->pc->arena, c->fields, c->field_count, true);
        else if (m->pc->req.mode != 'M')
            log_warning("unmatched service_name/type: \"%s\"", c->argument);
    }
}

void edit_master(struct postconf *pc)
{
    struct master_edit m = { .pc = pc, .count = (size_t)pc->req.arg_count };

    m.changes = arena_alloc(&pc->arena, m.count * sizeof *m.changes);
    for (size_t i = 0; i < m.count; i++)
        m.changes[i] = parse_change(pc, pc->req.args[i]);
    rewrite_file(buf_cstr(&pc->master_path), edit_text, &m);
}
