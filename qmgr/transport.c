#include "qmgr/transport.h"

#include "base/log.h"
#include "base/mem.h"
#include "conf/master_cf.h"

#include <stdlib.h>

static int service_int(struct qmgr *q, struct str name, const char *suffix, const char *fallback)
{
    int64_t n = conf_service_int(q->conf, name, suffix, fallback);

    return n < 0 ? 0 : n > INT32_MAX ? INT32_MAX : (int)n;
}

static struct feedback service_feedback(struct qmgr *q, struct str name, const char *suffix,
                                        const char *fallback)
{
    struct str text = conf_service_value(q->conf, name, suffix, fallback);
    struct feedback f = { 1, FEEDBACK_CONSTANT };

    if (!feedback_parse(text, &f))
        log_warning("bad " STR_FMT "%s: \"" STR_FMT "\" -- using 1", STR_ARG(name), suffix,
                    STR_ARG(text));
    return f;
}

static int process_limit(struct qmgr *q, struct str name)
{
    const int *limit = map_get(&q->process_limits, name);

    return limit ? *limit : site_conf.default_process_limit;
}

static struct schedule_transport_rules transport_rules(struct qmgr *q, struct str name)
{
#define INT(suffix)      service_int(q, name, "_" suffix, "default_" suffix)
#define MS(suffix)       conf_service_time(q->conf, name, "_" suffix, "default_" suffix) * 1000
#define FEEDBACK(suffix) service_feedback(q, name, "_" suffix, "default_" suffix)
    struct schedule_transport_rules r = {
        .window = {
            .limit = INT("destination_concurrency_limit"),
            .cohort_limit = INT("destination_concurrency_failed_cohort_limit"),
            .positive = FEEDBACK("destination_concurrency_positive_feedback"),
            .negative = FEEDBACK("destination_concurrency_negative_feedback"),
            .initial = service_int(q, name, "_initial_destination_concurrency",
                                   "initial_destination_concurrency"),
        },
        .recipient_limit = INT("destination_recipient_limit"),
        .process_limit = process_limit(q, name),
        .slot_cost = INT("delivery_slot_cost"),
        .slot_loan = INT("delivery_slot_loan"),
        .slot_discount = INT("delivery_slot_discount"),
        .minimum_slots = INT("minimum_delivery_slots"),
        .destination_delay_ms = MS("destination_rate_delay"),
        .transport_delay_ms = MS("transport_rate_delay"),
    };
#undef INT
#undef MS
#undef FEEDBACK

    return r;
}

struct schedule_transport *qmgr_transport(struct qmgr *q, struct str name)
{
    struct schedule_transport *t = schedule_find_transport(q->schedule, name);

    if (t)
        return t;
    struct schedule_transport_rules rules = transport_rules(q, name);
    struct agent_pool *pool = mem_alloc(sizeof *pool);

    list_init(&pool->idle);
    pool->recipient_limit = service_int(q, name, "_recipient_limit", "default_recipient_limit");
    pool->extra_recipient_limit =
        service_int(q, name, "_extra_recipient_limit", "default_extra_recipient_limit");
    pool->refill_limit =
        service_int(q, name, "_recipient_refill_limit", "default_recipient_refill_limit");
    pool->refill_delay_ms = conf_service_time(q->conf, name, "_recipient_refill_delay",
                                              "default_recipient_refill_delay") *
                            1000;
    t = schedule_add_transport(q->schedule, name, &rules);
    t->owner = pool;
    return t;
}

/* A site may run so many agents of each kind; more connections would only wait in line. */
void qmgr_read_master(struct qmgr *q)
{
    ARENA_AUTO(arena);
    BUF_AUTO(error, 1024);
    struct master_cf cf;

    if (!master_cf_read(conf_directory(q->conf), &arena, &cf, &error)) {
        log_warning("%s -- assuming default process limits", buf_cstr(&error));
        return;
    }
    for (size_t i = 0; i < cf.count; i++) {
        const struct master_entry *e = &cf.entries[i];

        if (e->type != MASTER_UNIX || e->replaced)
            continue;
        int *limit = mem_alloc(sizeof *limit);

        *limit = e->process_limit < 0 ? site_conf.default_process_limit : e->process_limit;
        free(map_set(&q->process_limits, e->service, limit));
    }
}
