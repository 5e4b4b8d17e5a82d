/* Whatever a user feeds postdrop(1), or pickup(8) itself: what postdrop keeps is acceptable to pickup, what pickup takes
 * from either is the same, and neither lets anything pass that only the mail system may say. */
#include "pickup/maildrop_copy.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_harmless(const struct maildrop_copy *c, const struct record *rec)
{
    if (c->segment == SEGMENT_MESSAGE)
        return !str_has(rec->payload, '\n');
    return rec->type != REC_FILTER && rec->type != REC_REDIRECT && rec->type != REC_INSPECT &&
           !str_has(rec->payload, '\n') && !str_has(rec->payload, '\r');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = { (const char *)data, size };
    struct drop_check check = { 0 };
    struct maildrop_copy copy = { .segment = SEGMENT_ENVELOPE };
    struct maildrop_copy direct = { .segment = SEGMENT_ENVELOPE, .direct = true };
    struct record rec;

    while (record_take(&input, &rec) == RECORD_OK) {
        enum drop_verdict verdict = drop_check_record(&check, &rec);
        enum maildrop_verdict at_once = maildrop_copy_record(&direct, &rec);
        if ((verdict == DROP_BAD) != (at_once == MAILDROP_BAD) || direct.sendopts != check.sendopts)
            abort();
        if (verdict == DROP_BAD)
            return 0;
        if (verdict == DROP_SKIP && at_once != MAILDROP_DROP)
            abort();
        if (verdict == DROP_SKIP)
            continue;
        if (maildrop_copy_record(&copy, &rec) != at_once || at_once == MAILDROP_BAD ||
            !is_harmless(&copy, &rec))
            abort();
        if (verdict == DROP_END)
            return 0;
    }
    return 0;
}
