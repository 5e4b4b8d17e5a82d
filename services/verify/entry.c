#include "services/verify/entry.h"

#include "base/number.h"

bool verify_entry_parse(struct str value, struct verify_entry *e)
{
    struct str rest = value;
    int64_t status, probed, updated;

    if (!number_parse_range(str_cut(&rest, ':'), VERIFY_OK, VERIFY_TODO, &status) ||
        !number_parse_range(str_cut(&rest, ':'), 0, INT64_MAX, &probed) || !str_has(rest, ':') ||
        !number_parse_range(str_cut(&rest, ':'), 0, INT64_MAX, &updated))
        return false;
    *e = (struct verify_entry){ (enum verify_status)status, probed, updated, rest };
    return true;
}

void verify_entry_format(const struct verify_entry *e, struct buf *out)
{
    buf_addf(out, "%d:%lld:%lld:", (int)e->status, (long long)e->probed, (long long)e->updated);
    buf_add(out, e->text);
}

static bool probe_is_out(const struct verify_entry *e, int64_t now)
{
    return e->probed && now - e->probed < VERIFY_PROBE_PATIENCE_S;
}

static const struct verify_times *times(const struct verify_entry *e, const struct verify_policy *p)
{
    return e->status == VERIFY_OK ? &p->positive : &p->negative;
}

bool verify_entry_is_usable(const struct verify_entry *e, const struct verify_policy *p,
                            int64_t now)
{
    return probe_is_out(e, now) || now - e->updated <= times(e, p)->expire;
}

bool verify_entry_wants_probe(const struct verify_entry *e, const struct verify_policy *p,
                              int64_t now)
{
    return !probe_is_out(e, now) && now - e->updated > times(e, p)->refresh;
}

/* One failure does not make a good address a bad one; the next question sends a probe again. */
struct verify_entry verify_entry_after(const struct verify_entry *old, enum verify_status found,
                                       struct str text, int64_t now)
{
    if (found != VERIFY_OK && old && old->status == VERIFY_OK)
        return (struct verify_entry){ VERIFY_OK, 0, old->updated, old->text };
    return (struct verify_entry){ found, 0, now, text };
}
