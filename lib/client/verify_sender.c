#include "client/verify_sender.h"

#include "conf/params.h"

static bool is_null(struct str sender) { return sender.len == 0 || str_equal(sender, STR("<>")); }

/* Base 31, most significant digit first; what could be mistaken for another one is no digit. */
static void put_period(int64_t period, struct buf *out)
{
    static const char digits[] = "0123456789BCDFGHJKLMNPQRSTVWXYZ";
    const int base = (int)sizeof digits - 1;

    if (period >= base)
        put_period(period / base, out);
    buf_addc(out, digits[period % base]);
}

/* `period` -1: none. */
static void put_sender(int64_t period, struct buf *out)
{
    struct str domain = verify_conf.address_verify_sender, local;

    if (is_null(domain))
        return;
    local = str_cut_last(&domain, '@');
    buf_add(out, local);
    if (period >= 0)
        put_period(period, out);
    buf_join(out, STR("@"), domain.ptr ? domain : site_conf.myorigin);
}

static int64_t period_of(time_t now)
{
    int ttl = verify_conf.address_verify_sender_ttl;

    return ttl > 0 ? now / ttl : -1;
}

void verify_sender_format(time_t now, struct buf *out) { put_sender(period_of(now), out); }
void verify_sender_format_plain(struct buf *out) { put_sender(-1, out); }

bool verify_sender_is_own(struct str address, time_t now)
{
    int64_t period = period_of(now), first = period > 0 ? period - 1 : period;

    if (address.len == 0)
        return false;
    for (int64_t p = first; p <= (period < 0 ? period : period + 1); p++) {
        BUF_AUTO(sender, 0);
        put_sender(p, &sender);
        if (str_equal_nocase(buf_str(&sender), address))
            return true;
    }
    return false;
}
