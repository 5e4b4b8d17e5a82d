#include "tools/postmap/tabletool.h"

static void query_line(void *context, struct str line) { table_query_listed(context, line); }

static bool query(const struct table_tool *tool, char **specs, size_t count,
                  void (*query_message)(struct table_query *q))
{
    struct table_query q;

    table_query_open(&q, tool, specs, count);
    if (tool->dump)
        table_query_dump(&q);
    else if (tool->headers || tool->body)
        query_message(&q);
    else if (strcmp(tool->query_key, "-") == 0)
        table_tool_each_line(query_line, &q);
    else
        table_query_one(&q, str_from(tool->query_key));
    return table_query_close(&q);
}

int table_tool_run(struct table_tool *tool, int argc, char **argv,
                   void (*query_message)(struct table_query *q))
{
    int first = table_tool_begin(tool, argc, argv);
    bool done = false;

    if (tool->query_key || tool->dump)
        return query(tool, argv + first, (size_t)(argc - first), query_message) ? 0 : 1;
    for (int i = first; i < argc; i++) {
        if (tool->delete_key)
            done |= table_tool_delete(tool, str_from(argv[i]));
        else
            table_tool_build(tool, str_from(argv[i]));
    }
    return tool->delete_key && !done ? 1 : 0;
}
