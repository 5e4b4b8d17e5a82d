#include "milter/reply.h"

/* The code at the front, or 0. */
static int code_of(struct str line)
{
    if (line.len < 5 || (line.ptr[0] != '4' && line.ptr[0] != '5') || !char_is_digit(line.ptr[1]) ||
        !char_is_digit(line.ptr[2]))
        return 0;
    return (line.ptr[0] - '0') * 100 + (line.ptr[1] - '0') * 10 + (line.ptr[2] - '0');
}

static void add_text(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%')
            buf_addc(out, text.ptr[i]);
        else if (i + 1 < text.len && text.ptr[i + 1] == '%')
            buf_addc(out, text.ptr[i++]);
    }
}

static bool is_line(struct str line, int code, bool last)
{
    if (code_of(line) != code || line.ptr[3] != (last ? ' ' : '-'))
        return false;
    return !char_is_digit(line.ptr[4]) || line.ptr[4] == line.ptr[0];
}

/* Cuts the next line; false: the line before was the last one. */
static bool take_line(struct str *rest, struct str *line)
{
    size_t end = str_find_str(*rest, STR("\r\n"));

    if (rest->ptr == NULL)
        return false;
    *line = str_sub(*rest, 0, end);
    *rest = end == STR_NOT_FOUND ? STR_NONE : str_skip(*rest, end + 2);
    return true;
}

bool milter_reply_parse(struct str given, int *code, struct buf *text)
{
    struct str rest = given, line;
    int first = code_of(given);
    BUF_AUTO(all, 0);

    if (first == 0 || str_has(given, '\0'))
        return false;
    while (take_line(&rest, &line)) {
        if (!is_line(line, first, rest.ptr == NULL) || str_find_any(line, "\r\n") != STR_NOT_FOUND)
            return false;
        if (line.ptr != given.ptr)
            buf_addc(&all, '\n');
        add_text(str_skip(line, 4), &all);
    }
    *code = first;
    buf_add(text, buf_str(&all));
    return true;
}
