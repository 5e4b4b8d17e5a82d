#include "postscreen/cache.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "conf/params.h"
#include "table/table.h"

#include <stdlib.h>
#include <time.h>

#define CLEANED_KEY STR("_LAST_CACHE_CLEANUP_COMPLETED_")
#define SLOW_MS     100
#define MINUTE_MS   60000

/* What is done to the table, for complaints about it: each at most once a second, those about its speed once a minute. */
enum deed { DEED_LOOKUP, DEED_UPDATE, DEED_DELETE, DEED_SCAN, DEEDS };

struct deed_watch {
    int64_t complained_ms;
    int64_t slow_ms; /* complained of its speed */
    double average_ms;
};

struct cache {
    struct table *table;
    struct loop *loop;
    unsigned enabled;
    struct loop_timer *timer;
    struct deed_watch watches[DEEDS];
    bool scanning;
    struct buf position;
    int retained, dropped;
};

/* ---- complaints ---- */

static bool may_complain(int64_t *last, int64_t pause_ms)
{
    int64_t now = clock_now_ms();

    if (*last && now - *last < pause_ms)
        return false;
    *last = now;
    return true;
}

static void complain(struct cache *c, enum deed deed, struct str address)
{
    static const struct {
        struct str before, behind;
    } texts[DEEDS] = {
        [DEED_LOOKUP] = { STR("cache lookup for '"), STR("' failed due to error") },
        [DEED_UPDATE] = { STR("could not update entry for "), STR("") },
        [DEED_DELETE] = { STR("could not delete entry for "), STR("") },
        [DEED_SCAN] = { STR("cache cleanup scan terminated due to error"), STR("") },
    };

    if (may_complain(&c->watches[deed].complained_ms, 1000))
        log_warning(STR_FMT ": " STR_FMT STR_FMT STR_FMT, STR_ARG(table_name(c->table)),
                    STR_ARG(texts[deed].before), STR_ARG(address), STR_ARG(texts[deed].behind));
}

/* A slow table keeps all clients waiting. */
static void note_speed(struct cache *c, enum deed deed, int64_t began_ms)
{
    static const char *const names[DEEDS] = { [DEED_LOOKUP] = "lookup", [DEED_UPDATE] = "update" };
    struct deed_watch *w = &c->watches[deed];

    w->average_ms += ((double)(clock_now_ms() - began_ms) - w->average_ms) / 10;
    if (w->average_ms > SLOW_MS && may_complain(&w->slow_ms, MINUTE_MS))
        log_warning("psc_cache_%s: " STR_FMT " %s average delay is %.0f ms", names[deed],
                    STR_ARG(table_name(c->table)), names[deed], w->average_ms);
}

/* ---- entries ---- */

void cache_lookup(struct cache *c, struct str address, struct merits *m)
{
    BUF_AUTO(value, 0);
    int64_t began_ms = clock_now_ms();

    if (c == NULL)
        return;
    enum table_result found = table_lookup(c->table, address, &value);
    note_speed(c, DEED_LOOKUP, began_ms);
    if (found == TABLE_ERROR)
        complain(c, DEED_LOOKUP, address);
    if (found == TABLE_FOUND)
        merits_parse(m, buf_str(&value));
}

void cache_update(struct cache *c, struct str address, const struct merits *m)
{
    BUF_AUTO(value, 0);
    int64_t began_ms = clock_now_ms();

    if (c == NULL)
        return;
    merits_format(m, &value);
    if (!table_update(c->table, address, buf_str(&value)))
        complain(c, DEED_UPDATE, address);
    note_speed(c, DEED_UPDATE, began_ms);
}

/* ---- clean-up ---- */

static int64_t interval_ms(void)
{
    return (int64_t)postscreen_conf.postscreen_cache_cleanup_interval * 1000;
}

static void tell_count(const struct cache *c, const char *how)
{
    log_info("cache " STR_FMT " %s cleanup: retained=%d dropped=%d entries",
             STR_ARG(table_name(c->table)), how, c->retained, c->dropped);
}

static bool is_of_use(const struct cache *c, struct str value)
{
    struct merits r;

    merits_parse(&r, value);
    return merits_due(&r, c->enabled,
                      (int64_t)time(NULL) - postscreen_conf.postscreen_cache_retention_time) == 0;
}

static void judge(struct cache *c, struct str address, struct str value)
{
    if (is_of_use(c, value)) {
        c->retained++;
        return;
    }
    c->dropped++;
    if (!table_delete(c->table, address))
        complain(c, DEED_DELETE, address);
}

static void on_cleaning(void *context);

static void finish_cleaning(struct cache *c)
{
    BUF_AUTO(now, 0);

    c->scanning = false;
    tell_count(c, "full");
    buf_add_int(&now, (int64_t)time(NULL));
    if (!table_update(c->table, CLEANED_KEY, buf_str(&now)))
        complain(c, DEED_UPDATE, CLEANED_KEY);
    c->timer = loop_timer_start(c->loop, interval_ms(), on_cleaning, c);
}

/* One entry a turn of the loop, so that nobody waits for it. */
static void on_cleaning(void *context)
{
    struct cache *c = context;
    BUF_AUTO(key, 0);
    BUF_AUTO(value, 0);

    if (!c->scanning) {
        c->scanning = true;
        c->retained = c->dropped = 0;
        buf_clear(&c->position);
    }
    c->timer = NULL;
    switch (table_next(c->table, &c->position, &key, &value)) {
    case TABLE_FOUND:
        if (!str_equal(buf_str(&key), CLEANED_KEY))
            judge(c, buf_str(&key), buf_str(&value));
        c->timer = loop_timer_start(c->loop, 0, on_cleaning, c);
        return;
    case TABLE_ERROR:
        complain(c, DEED_SCAN, STR(""));
        break;
    case TABLE_NOT_FOUND:
        break;
    }
    finish_cleaning(c);
}

/* Until it is due after the one that another process has done. */
static int64_t first_pause_ms(struct cache *c)
{
    BUF_AUTO(value, 0);
    int64_t last = 0;

    if (table_lookup(c->table, CLEANED_KEY, &value) != TABLE_FOUND ||
        !number_parse(buf_str(&value), &last))
        return 0;
    int64_t since_ms = ((int64_t)time(NULL) - last) * 1000;
    return MAX(0, MIN(interval_ms(), interval_ms() - since_ms));
}

void cache_start_cleaning(struct cache *c, struct loop *loop, unsigned enabled)
{
    if (c == NULL || interval_ms() == 0 || !table_can_list(c->table))
        return;
    c->loop = loop;
    c->enabled = enabled;
    c->timer = loop_timer_start(loop, first_pause_ms(c), on_cleaning, c);
}

/* ---- the table ---- */

struct cache *cache_open(void)
{
    struct str map = postscreen_conf.postscreen_cache_map;
    BUF_AUTO(why, 0);

    if (map.len == 0)
        return NULL;
    struct cache *c = mem_alloc(sizeof *c);
    c->table = table_open(map, TABLE_WRITE | TABLE_QUIET, &why);
    if (!table_is_open(c->table))
        log_fatal(STR_FMT ": " STR_FMT, STR_ARG(map), STR_ARG(buf_str(&why)));
    return c;
}

void cache_close(struct cache *c)
{
    if (c == NULL)
        return;
    if (c->scanning)
        tell_count(c, "partial");
    if (c->loop)
        loop_timer_cancel(c->loop, &c->timer);
    table_close(c->table);
    buf_free(&c->position);
    free(c);
}
