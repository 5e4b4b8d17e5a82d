/* Members of an object: the walk ends, texts lie in what was given or are shorter, and what is found is a member. */
#include "text/json.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size }, rest = text;
    struct json_member m;
    ARENA_AUTO(arena);

    while (rest.len) {
        size_t before = rest.len;
        if (!json_next(&rest, &arena, &m))
            break;
        must(rest.len < before && m.name.len + m.value.len < size);
        struct str found = json_find(text, m.name, m.kind, &arena);
        must(found.ptr == NULL || found.len < size);
    }
    return 0;
}
