#include "base/log.h"
#include "conf/logical_line.h"
#include "tools/postconf/postconf.h"

/* One name on the command line. */
struct change {
    struct str name, value;
    unsigned found; /* entries of that name in the file */
};

struct main_edit {
    struct postconf *pc;
    struct change *changes;
    size_t count;
};

static void check_text(struct str text)
{
    if (str_find_any(text, "\r\n") != STR_NOT_FOUND)
        log_fatal("-e, -X, or -# accepts no multi-line input");
    if (str_starts(str_trim(text), STR("#")))
        log_fatal("-e, -X, or -# accepts no comment input");
}

static struct change parse_change(const char *argument, char edit)
{
    struct str text = str_from(argument), name = str_trim(str_sub(text, 0, str_find(text, '=')));
    struct master_setting setting;

    check_text(text);
    if (name.len == 0 && edit != 'e')
        log_fatal("-X or -# requires non-blank parameter names");
    if (name.len == 0)
        log_fatal("missing attribute name: \"%s\"", argument);
    if (edit != 'e')
        return (struct change){ .name = name };
    if (!master_setting_parse(text, &setting))
        log_fatal("missing '=' after attribute name: \"%s\"", argument);
    return (struct change){ .name = setting.name, .value = setting.value };
}

/* Of a name given twice the last value counts. */
static struct change *find_change(struct main_edit *m, struct str name)
{
    for (size_t i = m->count; i-- > 0;)
        if (str_equal(m->changes[i].name, name))
            return &m->changes[i];
    return NULL;
}

static void add_setting(struct buf *out, const struct change *c)
{
    buf_join(out, c->name, STR(" = "), c->value, STR("\n"));
}

static bool is_continuation(struct str physical)
{
    return char_is_space(physical.ptr[0]) && !logical_line_is_comment(physical);
}

static struct str setting_name(struct str physical)
{
    return str_trim(str_sub(physical, 0, str_find(physical, '=')));
}

/* What becomes of the first line of an entry that is to be changed. */
static void change_entry(struct main_edit *m, struct change *c, struct str physical,
                         struct buf *out)
{
    if (m->pc->req.edit == '#')
        buf_join(out, STR("#"), physical, STR("\n"));
    if (m->pc->req.edit == 'e')
        add_setting(out, c);
    if (c->found++ == 1)
        log_warning(STR_FMT ": multiple entries for \"" STR_FMT "\"",
                    STR_ARG(buf_str(&m->pc->main_path)), STR_ARG(c->name));
}

static void edit_text(void *context, struct str old, struct buf *out)
{
    struct main_edit *m = context;
    bool changing = false; /* inside an entry that goes away or becomes a comment */

    while (old.len) {
        struct str physical = str_cut(&old, '\n');
        struct change *c = NULL;
        if (!logical_line_is_comment(physical) && !is_continuation(physical)) {
            c = find_change(m, setting_name(physical));
            changing = c != NULL;
        }
        if (c)
            change_entry(m, c, physical, out);
        else if (logical_line_is_comment(physical) || !changing)
            buf_join(out, physical, STR("\n"));
        else if (m->pc->req.edit == '#')
            buf_join(out, STR("#"), physical, STR("\n"));
    }
    for (size_t i = 0; i < m->count; i++)
        if (m->pc->req.edit == 'e' && find_change(m, m->changes[i].name) == &m->changes[i] &&
            m->changes[i].found == 0)
            add_setting(out, &m->changes[i]);
}

void edit_main(struct postconf *pc)
{
    struct main_edit m = { .pc = pc, .count = (size_t)pc->req.arg_count };

    m.changes = arena_alloc(&pc->arena, m.count * sizeof *m.changes);
    for (size_t i = 0; i < m.count; i++)
        m.changes[i] = parse_change(pc->req.args[i], pc->req.edit);
    rewrite_file(buf_cstr(&pc->main_path), edit_text, &m);
}
