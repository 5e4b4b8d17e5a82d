#include "base/log.h"
#include "tools/postconf/postconf.h"

#include <stdio.h>

#define MAIN_WIDTH   80
#define MASTER_WIDTH 79 /* one less, as in Postfix */
#define BLANKS       " \t\r\n\f\v"

/* Words with one blank between them; with a width, lines that grow beyond it go on behind four blanks. */
struct word_writer {
    struct buf *out;
    size_t column, width; /* 0: none */
    bool line_is_empty;
};

#define WORD_WRITER(to, columns) \
    ((struct word_writer){ .out = (to), .width = (columns), .line_is_empty = true })

static void start_line(struct word_writer *w)
{
    buf_add(w->out, STR("\n    "));
    w->column = 4;
    w->line_is_empty = true;
}

static void add_word(struct word_writer *w, struct str word)
{
    if (!w->line_is_empty && w->width && w->column + 1 + word.len > w->width)
        start_line(w);
    if (!w->line_is_empty) {
        buf_addc(w->out, ' ');
        w->column++;
    }
    buf_add(w->out, word);
    w->column += word.len;
    w->line_is_empty = false;
}

void print_flush(const struct buf *out)
{
    if (out->len && fwrite(out->ptr, 1, out->len, stdout) != out->len)
        log_fatal("write error: %m");
}

static void add_name(const struct postconf *pc, struct word_writer *w, struct str name)
{
    if (pc->req.hide_name)
        return;
    add_word(w, name);
    if (!pc->req.hide_value)
        add_word(w, STR("="));
}

void print_setting(const struct postconf *pc, struct str name, struct str value)
{
    BUF_AUTO(out, 0);
    struct word_writer w = WORD_WRITER(&out, pc->req.fold ? MAIN_WIDTH : 0);
    struct str word;

    add_name(pc, &w, name);
    while (!pc->req.hide_value && str_token(&value, BLANKS, &word))
        add_word(&w, word);
    buf_addc(&out, '\n');
    print_flush(&out);
}

/* A field as the file may hold it: in braces when it has to be. */
static struct str field_word(struct arena *arena, struct str text)
{
    BUF_AUTO(word, 0);

    if (text.len && text.ptr[0] != '{' && str_find_any(text, BLANKS) == STR_NOT_FOUND)
        return text;
    buf_join(&word, STR("{"), text, STR("}"));
    return arena_str(arena, buf_str(&word));
}

static struct str setting_word(struct arena *arena, const struct master_setting *s)
{
    BUF_AUTO(text, 0);

    buf_join(&text, s->name, STR("="), s->value);
    return field_word(arena, arena_str(arena, buf_str(&text)));
}

/* With its -o, which stays beside it when lines are folded. */
static struct str option_word(struct arena *arena, const struct master_setting *s)
{
    BUF_AUTO(text, 0);

    buf_join(&text, STR("-o "), setting_word(arena, s));
    return arena_str(arena, buf_str(&text));
}

/* The arguments; when folding, every setting has a line of its own. */
static void add_arguments(struct word_writer *w, struct arena *arena,
                          const struct master_field *fields, size_t count)
{
    struct master_args args = MASTER_ARGS(fields, count);
    struct master_arg arg;
    bool after_setting = false;

    while (master_args_next(&args, arena, &arg)) {
        if (w->width && (arg.is_setting || after_setting))
            start_line(w);
        add_word(w,
                 arg.is_setting ? option_word(arena, &arg.setting) : field_word(arena, arg.text));
        after_setting = arg.is_setting;
    }
}

void print_master_line(struct buf *out, struct arena *arena, const struct master_field *fields,
                       size_t count, bool fold)
{
    static const size_t stops[MASTER_FIELD_COUNT] = { 0, 11, 17, 25, 33, 41, 49, 57 };
    struct word_writer w = WORD_WRITER(out, fold ? MASTER_WIDTH : 0);

    for (size_t i = 0; i < MASTER_FIELD_COUNT && i < count; i++) {
        while (i > 0 && w.column + 1 < stops[i]) {
            buf_addc(out, ' ');
            w.column++;
        }
        add_word(&w, field_word(arena, fields[i].text));
    }
    add_arguments(&w, arena, fields, count);
    buf_addc(out, '\n');
}

void print_command_setting(const struct postconf *pc, struct str name,
                           const struct master_field *fields, size_t count)
{
    BUF_AUTO(out, 0);
    struct word_writer w = WORD_WRITER(&out, pc->req.fold ? MAIN_WIDTH : 0);

    add_name(pc, &w, name);
    if (!pc->req.hide_value) {
        ARENA_AUTO(arena);
        add_word(&w, field_word(&arena, fields[MASTER_FIELD_COUNT - 1].text));
        add_arguments(&w, &arena, fields, count);
    }
    buf_addc(&out, '\n');
    print_flush(&out);
}

struct str expand_if_asked(struct postconf *pc, struct conf *scope, struct str raw)
{
    BUF_AUTO(error, 0);
    struct str value;

    if (!pc->req.expand)
        return raw;
    if (!conf_try_expand(scope, raw, &pc->arena, &value, &error)) {
        log_warning(STR_FMT, STR_ARG(buf_str(&error)));
        log_fatal("macro processing error");
    }
    return value;
}
