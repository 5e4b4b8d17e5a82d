/* The words of a master.cf line, and the options among them. */
#include "conf/master_cf.h"

#define BLANKS " \t\r\n\f\v"

/* `s` begins with `{`: what is inside, without the blanks next to the braces. */
static bool take_braced(struct str *s, struct str *inside)
{
    if (!str_take_group(s, inside))
        return false;
    *inside = str_trim(*inside);
    return s->len == 0 || char_is_space(s->ptr[0]);
}

static bool next_field(struct str *s, struct master_field *field)
{
    *s = str_trim(*s);
    field->braced = s->ptr[0] == '{';
    if (field->braced)
        return take_braced(s, &field->text);
    if (!str_token_braced(s, BLANKS, &field->text, NULL)) /* z={ w v } is one word */
        return false;
    field->braced = str_find_any(field->text, BLANKS) != STR_NOT_FOUND;
    return true;
}

bool master_line_split(struct str line, struct arena *arena, struct master_field **fields,
                       size_t *count)
{
    size_t room = 0, n = 0;
    struct master_field *list = NULL;

    for (line = str_trim(line); line.len; line = str_trim(line)) {
        struct master_field field;
        if (!next_field(&line, &field))
            return false;
        if (n == room) {
            struct master_field *old = list;
            room = room ? room * 2 : 16;
            list = arena_alloc(arena, room * sizeof *list);
            if (n)
                memcpy(list, old, n * sizeof *list);
        }
        list[n++] = field;
    }
    *fields = list;
    *count = n;
    return true;
}

bool master_setting_parse(struct str text, struct master_setting *setting)
{
    size_t equals = str_find(text, '=');

    if (equals == STR_NOT_FOUND)
        return false;
    struct master_setting s = { str_trim(str_sub(text, 0, equals)),
                                str_trim(str_skip(text, equals + 1)) };
    if (s.name.len == 0 || str_find_any(s.name, BLANKS) != STR_NOT_FOUND)
        return false;
    *setting = s;
    return true;
}

static struct str dashed(struct arena *arena, struct str letters)
{
    char *text = arena_alloc(arena, letters.len + 2);

    text[0] = '-';
    memcpy(text + 1, letters.ptr, letters.len);
    return (struct str){ text, letters.len + 1 };
}

/* An `-o` whose setting is readable: the rest of its word, or the next field. */
static bool take_setting(struct master_args *a, struct str rest, struct master_arg *arg)
{
    bool next = rest.len == 0;

    if (next && a->next >= a->count)
        return false;
    *arg = (struct master_arg){ .text = next ? a->fields[a->next].text : rest,
                                .braced = next && a->fields[a->next].braced,
                                .is_setting = true };
    if (!master_setting_parse(arg->text, &arg->setting))
        return false;
    arg->index = next ? a->next++ : a->next - 1;
    return true;
}

/* The next letter of a cluster such as -vo; a letter that takes a value ends it. */
static void take_letter(struct master_args *a, struct arena *arena, struct master_arg *arg)
{
    struct str letters = a->letters, rest = str_skip(letters, 1);
    bool takes_value = strchr("nost", letters.ptr[0]) != NULL;

    if (letters.ptr[0] == 'o' && take_setting(a, rest, arg)) {
        a->letters = STR_NONE;
        return;
    }
    *arg =
        (struct master_arg){ .text = dashed(arena, takes_value ? letters : str_sub(letters, 0, 1)),
                             .index = a->next - 1 };
    a->letters = takes_value ? STR_NONE : rest;
    a->value_follows = takes_value && rest.len == 0;
}

static bool is_option(const struct master_field *f)
{
    return f->text.len > 1 && f->text.ptr[0] == '-' && f->text.ptr[1] != '-' &&
           f->text.ptr[1] != '\0';
}

bool master_args_next(struct master_args *a, struct arena *arena, struct master_arg *arg)
{
    if (a->letters.len == 0) {
        if (a->next >= a->count)
            return false;
        const struct master_field *f = &a->fields[a->next++];
        if (a->options_over || a->value_follows || !is_option(f)) {
            a->options_over = !a->value_follows;
            a->value_follows = false;
            *arg =
                (struct master_arg){ .text = f->text, .braced = f->braced, .index = a->next - 1 };
            return true;
        }
        a->letters = str_skip(f->text, 1);
    }
    take_letter(a, arena, arg);
    return true;
}
