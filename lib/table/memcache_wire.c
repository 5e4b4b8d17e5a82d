#include "table/memcache_wire.h"

#include "base/number.h"

void memcache_wire_put_get(struct buf *out, struct str key)
{
    buf_join(out, STR("get "), key, STR("\r\n"));
}

void memcache_wire_put_set(struct buf *out, struct str key, int flags, int ttl, struct str data)
{
    buf_join(out, STR("set "), key);
    buf_addf(out, " %d %d %zu\r\n", flags, ttl, data.len);
    buf_join(out, data, STR("\r\n"));
}

void memcache_wire_put_delete(struct buf *out, struct str key)
{
    buf_join(out, STR("delete "), key, STR("\r\n"));
}

bool memcache_wire_read_line(struct str in, const struct memcache_limits *limits, struct str *line,
                             bool *too_long)
{
    size_t lf = str_find(str_sub(in, 0, limits->line + 2), '\n');

    *too_long = lf == STR_NOT_FOUND && in.len >= limits->line + 2;
    if (lf == STR_NOT_FOUND)
        return false;
    *line = str_sub(in, 0, lf);
    if (str_ends(*line, STR("\r")))
        line->len--;
    return true;
}

/* VALUE KEY FLAGS LENGTH */
static bool read_length(struct str line, size_t limit, size_t *length)
{
    struct str word = STR_NONE;
    int64_t number;

    for (int i = 0; i < 4; i++)
        if (!str_token(&line, " ", &word) || (i == 0 && !str_equal(word, STR("VALUE"))))
            return false;
    if (!number_parse_range(word, 0, (int64_t)limit, &number))
        return false;
    *length = (size_t)number;
    return true;
}

enum memcache_answer memcache_wire_read_value(struct str in, const struct memcache_limits *limits,
                                              struct str *data, struct str *line)
{
    static const struct str end = STR("\r\nEND\r\n");
    size_t length;
    bool too_long;

    *line = str_sub(in, 0, limits->line);
    if (!memcache_wire_read_line(in, limits, line, &too_long))
        return too_long ? MEMCACHE_UNEXPECTED : MEMCACHE_MORE;
    if (str_equal(*line, STR("END")))
        return MEMCACHE_MISSING;
    if (!read_length(*line, limits->data, &length))
        return MEMCACHE_UNEXPECTED;
    struct str rest = str_skip(in, str_find(in, '\n') + 1);
    if (rest.len < length + end.len)
        return MEMCACHE_MORE;
    *data = str_sub(rest, 0, length);
    return str_starts(str_skip(rest, length), end) ? MEMCACHE_FOUND : MEMCACHE_UNEXPECTED;
}

bool memcache_wire_takes_key(struct str key)
{
    for (size_t i = 0; i < key.len; i++)
        if (key.ptr[i] == ' ' || char_is_control(key.ptr[i]))
            return false;
    return key.len > 0;
}
