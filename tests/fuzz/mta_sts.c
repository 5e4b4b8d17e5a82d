/* Records and policies of MTA-STS: whatever a web server says, the entry is one line that smtp can read. */
#include "text/mta_sts.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

static bool is_harmless(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || (unsigned char)text.ptr[i] > '~')
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size }, id = STR_NONE;
    struct mta_sts_policy policy;
    ARENA_AUTO(arena);
    BUF_AUTO(entry, 0);

    if (mta_sts_record_parse(text, &id))
        must(id.len > 0 && id.len <= 32 && !str_has(id, ' '));
    if (!mta_sts_policy_parse(text, &arena, &policy))
        return 0;
    must(policy.max_age >= 0 && policy.max_age <= MTA_STS_AGE_MAX);
    must(policy.mode == MTA_STS_NONE || policy.mx.len > 0);
    mta_sts_policy_entry(&policy, STR("x.test"), &entry);
    must(is_harmless(buf_str(&entry)));
    must((entry.len == 0) == (policy.mode == MTA_STS_NONE));
    return 0;
}
