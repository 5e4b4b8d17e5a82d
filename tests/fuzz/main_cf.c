/* Every setting that main.cf is understood to have comes out the same when it is written again. */
#include "conf/main_cf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(void *context, const struct main_cf_setting *s)
{
    buf_join(context, s->name, STR("="), s->value, STR("\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    BUF_AUTO(first, 0);
    BUF_AUTO(second, 0);
    BUF_AUTO(error, 0);
    ARENA_AUTO(arena);

    if (!main_cf_parse(text, STR("main.cf"), &arena, write_again, &first, &error)) {
        if (error.len == 0)
            abort();
        return 0;
    }
    if (!main_cf_parse(buf_str(&first), STR("again"), &arena, write_again, &second, &error) ||
        !str_equal(buf_str(&first), buf_str(&second)))
        abort();
    return 0;
}
