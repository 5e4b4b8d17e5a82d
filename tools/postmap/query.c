#include "base/log.h"
#include "base/mem.h"
#include "os/fd.h"
#include "tools/postmap/tabletool.h"

#include <stdlib.h>
#include <unistd.h>

enum { OUTPUT_CHUNK = 65536 };

void table_query_open(struct table_query *q, const struct table_tool *tool, char **specs,
                      size_t count)
{
    BUF_AUTO(error, 0);

    *q = (struct table_query){ .tool = tool,
                               .tables = mem_alloc(count * sizeof(struct table *)),
                               .count = count };
    for (size_t i = 0; i < count; i++) {
        q->tables[i] = table_open(str_from(specs[i]), table_tool_flags(tool), &error);
        if (!table_is_open(q->tables[i]))
            log_fatal(STR_FMT, STR_ARG(buf_str(&error)));
    }
}

static void flush(struct table_query *q)
{
    if (!fd_write_all(STDOUT_FILENO, buf_str(&q->out)))
        log_fatal("write error: %m");
    buf_clear(&q->out);
}

static void print(struct table_query *q, struct str key, struct str value)
{
    if (key.ptr)
        buf_join(&q->out, key, q->tool->aliases ? STR(":\t") : STR("\t"));
    buf_join(&q->out, value, STR("\n"));
    if (q->out.len >= OUTPUT_CHUNK)
        flush(q);
}

static bool find(struct table_query *q, struct str key)
{
    for (size_t i = 0; i < q->count; i++) {
        struct str name = table_name(q->tables[i]);

        switch (table_lookup(q->tables[i], key, &q->value)) {
        case TABLE_NOT_FOUND:
            continue;
        case TABLE_ERROR:
            flush(q);
            log_fatal("table " STR_FMT ": query error: Application error", STR_ARG(name));
        case TABLE_FOUND:
            if (q->value.len == 0) {
                log_warning("table " STR_FMT ": key " STR_FMT
                            ": empty string result is not allowed",
                            STR_ARG(name), STR_ARG(key));
                log_warning("table " STR_FMT " should return NO RESULT in case of NOT FOUND",
                            STR_ARG(name));
            }
            q->found = true;
            return true;
        }
    }
    return false;
}

void table_query_one(struct table_query *q, struct str key)
{
    if (find(q, key))
        print(q, STR_NONE, buf_str(&q->value));
}

void table_query_listed(struct table_query *q, struct str key)
{
    if (find(q, key))
        print(q, key, buf_str(&q->value));
}

void table_query_dump(struct table_query *q)
{
    struct table *t = q->tables[0];
    BUF_AUTO(position, 0);
    BUF_AUTO(key, 0);
    enum table_result result;

    if (!table_can_list(t))
        log_fatal("table " STR_FMT ": sequence operation is not supported", STR_ARG(table_name(t)));
    while ((result = table_next(t, &position, &key, &q->value)) == TABLE_FOUND)
        print(q, buf_str(&key), buf_str(&q->value));
    if (result == TABLE_ERROR)
        log_fatal("table " STR_FMT ": sequence error: Application error", STR_ARG(table_name(t)));
    q->found = true;
}

bool table_query_close(struct table_query *q)
{
    flush(q);
    for (size_t i = 0; i < q->count; i++)
        table_close(q->tables[i]);
    free(q->tables);
    buf_free(&q->value);
    buf_free(&q->out);
    return q->found;
}

void table_tool_each_line(void (*each)(void *context, struct str line), void *context)
{
    BUF_AUTO(input, 0);
    enum io_result got = IO_OK;

    while (got == IO_OK) {
        got = fd_read(STDIN_FILENO, &input, OUTPUT_CHUNK);
        if (got != IO_OK && got != IO_EOF)
            log_fatal("read error: %m");
        struct str rest = buf_str(&input);
        while (str_has(rest, '\n'))
            each(context, str_cut(&rest, '\n'));
        if (got == IO_EOF && rest.len)
            each(context, rest);
        buf_consume(&input, input.len - rest.len);
    }
}
