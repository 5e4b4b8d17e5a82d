/* postalias - build and ask alias databases.
 *
 * As postmap, for source files in the format of aliases(5): `name: value, value ...`. */
#include "tools/postmap/tabletool.h"

int main(int argc, char **argv)
{
    struct table_tool tool = { .program = "postalias",
                               .usage = "-Nfinoprsuvw",
                               .letters = "+Nc:d:finopq:rsuvw",
                               .aliases = true };

    return table_tool_run(&tool, argc, argv, NULL);
}
