/* postmap - build and ask lookup tables.
 *
 * Without -q, -d or -s it compiles the source file `x` of `hash:x` into the index `x.lmdb`.  The
 * index is written beside the old one and takes its place with one rename, so that a running
 * daemon sees the old content or the new, never something between. */
#include "tools/postmap/message.h"

int main(int argc, char **argv)
{
    struct table_tool tool = { .program = "postmap",
                               .usage = "-bfFhimnNoprsuUvw",
                               .letters = "+bc:d:fFhimnNopq:rsuUvw" };

    return table_tool_run(&tool, argc, argv, query_message);
}
