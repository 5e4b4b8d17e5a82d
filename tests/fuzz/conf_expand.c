/* The first line is the text to expand, the others are `name=value`.  Whatever they say: it ends, within
 * the ceiling, with a result or with a reason. */
#include "conf/conf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, size }, text = str_cut(&rest, '\n'), value;
    BUF_AUTO(error, 0);
    ARENA_AUTO(arena);
    struct conf *c = conf_new();

    while (rest.len) {
        struct str line = str_cut(&rest, '\n'), name = str_cut(&line, '=');
        if (!str_equal(name, STR("inet_interfaces"))) /* would ask the DNS */
            conf_override(c, name, line);
    }
    bool ok = conf_try_expand(c, text, &arena, &value, &error);
    if (!ok && error.len == 0)
        abort();
    if (ok && !str_has(text, '$') && !str_equal(text, value))
        abort();
    conf_close(c);
    return 0;
}
