#pragma once
/* Records as readable text, one a line: `S alice`. */
#include "queue/record.h"
#include "unit.h"

static inline void records_show(struct str bytes, struct buf *out)
{
    struct record rec;

    while (record_take(&bytes, &rec) == RECORD_OK) {
        buf_addc(out, rec.type);
        if (rec.payload.len)
            buf_join(out, STR(" "), rec.payload);
        buf_addc(out, '\n');
    }
    assert_int_equal(bytes.len, 0);
}

static inline void assert_records(const struct buf *bytes, const char *want)
{
    BUF_AUTO(shown, 0);

    records_show(buf_str(bytes), &shown);
    assert_string_equal(buf_cstr(&shown), want);
}
