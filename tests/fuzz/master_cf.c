/* A line that was understood is understood the same when its fields are written again. */
#include "conf/master_cf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_fields(struct buf *out, const struct master_entry *e)
{
    for (size_t i = 0; i < e->field_count; i++)
        buf_join(out, e->fields[i].braced ? STR("{") : STR(""), e->fields[i].text,
                 e->fields[i].braced ? STR("} ") : STR(" "));
    buf_addc(out, '\n');
}

static void require(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    BUF_AUTO(error, 0);
    BUF_AUTO(again, 0);
    ARENA_AUTO(arena);
    struct master_cf first, second;

    if (!master_cf_parse(text, STR("master.cf"), &arena, &first, &error)) {
        require(error.len > 0);
        return 0;
    }
    for (size_t i = 0; i < first.count; i++)
        write_fields(&again, &first.entries[i]);
    require(master_cf_parse(buf_str(&again), STR("again"), &arena, &second, &error));
    require(first.count == second.count);
    for (size_t i = 0; i < first.count; i++) {
        require(str_equal(first.entries[i].service, second.entries[i].service));
        require(first.entries[i].argc == second.entries[i].argc);
        require(first.entries[i].setting_count == second.entries[i].setting_count);
    }
    return 0;
}
