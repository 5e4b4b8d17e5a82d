#include "text/date.h"

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static struct str name3(const char *names, int index, int count)
{
    return index >= 0 && index < count ? (struct str){ &names[(size_t)index * 3], 3 } : STR("???");
}

/* Two columns. */
static void add2(struct buf *out, int value, char pad)
{
    buf_addc(out, (char)(value >= 10 ? '0' + value / 10 % 10 : pad));
    buf_addc(out, (char)('0' + value % 10));
}

static void add_time(const struct tm *t, struct buf *out)
{
    add2(out, t->tm_hour, '0');
    buf_addc(out, ':');
    add2(out, t->tm_min, '0');
    buf_addc(out, ':');
    add2(out, t->tm_sec, '0');
}

void date_format(const struct tm *local, long offset, struct str zone, struct buf *out)
{
    long minutes = (offset < 0 ? -offset : offset) / 60;

    buf_join(out, name3(days, local->tm_wday, 7), STR(", "));
    add2(out, local->tm_mday, ' ');
    buf_join(out, STR(" "), name3(months, local->tm_mon, 12), STR(" "));
    buf_add_int(out, 1900 + (int64_t)local->tm_year);
    buf_addc(out, ' ');
    add_time(local, out);
    buf_add(out, offset < 0 ? STR(" -") : STR(" +"));
    add2(out, (int)(minutes / 60 % 100), '0');
    add2(out, (int)(minutes % 60), '0');
    if (zone.len)
        buf_join(out, STR(" ("), zone, STR(")"));
}

void date_format_ctime(const struct tm *local, struct buf *out)
{
    buf_join(out, name3(days, local->tm_wday, 7), STR(" "), name3(months, local->tm_mon, 12),
             STR(" "));
    add2(out, local->tm_mday, ' ');
    buf_addc(out, ' ');
    add_time(local, out);
    buf_addc(out, ' ');
    buf_add_int(out, 1900 + (int64_t)local->tm_year);
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* The proleptic Gregorian calendar in 400-year eras that begin on 1 March, so that the leap day is
 * the last day of a year. */
void date_utc(int64_t seconds, struct tm *out)
{
    int64_t day = floor_div(seconds, 86400);
    int second = (int)(seconds - day * 86400);
    int64_t since_march = day + 719468; /* days since 1 March of year 0 */
    int64_t era = floor_div(since_march, 146097);
    int64_t day_of_era = since_march - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = (int)(day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100));
    int month = (5 * day_of_year + 2) / 153; /* 0 is March */
    int64_t year = year_of_era + era * 400 + (month >= 10);
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    *out = (struct tm){
        .tm_sec = second % 60,
        .tm_min = second / 60 % 60,
        .tm_hour = second / 3600,
        .tm_mday = day_of_year - (153 * month + 2) / 5 + 1,
        .tm_mon = (month + 2) % 12,
        .tm_year = (int)(year - 1900),
        .tm_wday = (int)((day % 7 + 11) % 7),
        .tm_yday = month >= 10 ? day_of_year - 306 : day_of_year + 59 + leap,
    };
}
