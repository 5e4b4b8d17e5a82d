/* Whatever stands in a .forward file: files are named from the root or from home, no
 * destination is more than a line, and the walk ends. */
#include "local/destination_list.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO(a);
    struct destination_walk walk;
    struct destination to;
    size_t count = 0;

    destination_walk_init(&walk, (struct str){ (const char *)data, size }, true, &a, 1000);
    while (destination_next(&walk, &to)) {
        if (++count > size)
            abort();
        if (to.kind == DESTINATION_FILE && !str_starts(to.text, STR("/")) &&
            !str_starts(to.text, STR("~/")))
            abort();
        if (str_has(to.text, '\n'))
            abort();
    }
    return 0;
}
