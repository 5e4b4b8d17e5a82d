#include "delivery/delivery.h"

#define SECOND 1000000L

/* The place of the last digit shown: two significant digits, but never beyond the configured
 * decimals. */
static int64_t resolution(int64_t usec, int decimals)
{
    int64_t unit = SECOND;

    for (int64_t limit = 10 * SECOND; decimals > 0 && usec < limit && unit > 1; decimals--) {
        unit /= 10;
        limit /= 10;
    }
    return unit;
}

void delivery_format_delay(struct buf *out, int64_t usec, int decimals)
{
    if (usec < 0) /* the clock was set back */
        usec = 0;
    int64_t unit = resolution(usec, decimals);
    usec = (usec + unit / 2) / unit * unit;
    buf_add_int(out, usec / SECOND);

    char fraction[8] = ".000000";
    int64_t rest = usec % SECOND;
    size_t length = 0;
    for (size_t i = 6; i >= 1; i--, rest /= 10) {
        fraction[i] = (char)('0' + rest % 10);
        if (length == 0 && rest % 10)
            length = i + 1;
    }
    buf_add(out, (struct str){ fraction, length });
}
