/* Whatever record_take() accepts, record_put() writes back so that it is taken again with the same
 * meaning; what it does not accept is left where it was. */
#include "base/log.h"
#include "queue/record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_meaning(const struct record *rec)
{
    struct str name, value;
    struct record_size s, again;
    struct timeval t;
    char text[RECORD_SIZE_BYTES + 1];

    if (record_split_attr(rec->payload, &name, &value))
        check(name.len + 1 + value.len == rec->payload.len);
    (void)!record_parse_time(rec->payload, &t);
    if (record_size_parse(rec->payload, &s) && record_size_is_valid(&s) &&
        rec->payload.len == RECORD_SIZE_BYTES) {
        record_size_format(&s, text);
        check(record_size_parse(str_from(text), &again) && again.data_offset == s.data_offset);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = { (const char *)data, size };
    struct record rec, back;

    for (;;) {
        struct str before = in;
        BUF_AUTO(out, 0);

        if (record_take(&in, &rec) != RECORD_OK) {
            check(in.ptr == before.ptr && in.len == before.len);
            return 0;
        }
        check(in.len < before.len);
        check_meaning(&rec);
        record_put(&out, rec.type, rec.payload);
        struct str copy = buf_str(&out);
        check(record_take(&copy, &back) == RECORD_OK && copy.len == 0);
        check(back.type == rec.type && str_equal(back.payload, rec.payload));
    }
}
