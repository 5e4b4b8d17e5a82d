/* Where recipients go: the resolver's answer and what the queue manager itself has to say about
 * it. */
#include "base/log.h"
#include "base/mem.h"
#include "conf/master_cf.h"
#include "qmgr/qmgr.h"

#include <stdlib.h>

/* A service name becomes a path below private/. */
static bool is_service_name(struct str name)
{
    if (name.len == 0 || name.len > 80 || name.ptr[0] == '/' ||
        str_find_str(name, STR("..")) != STR_NOT_FOUND)
        return false;
    return !str_has(name, '\0');
}

static struct str domain_of(struct str address)
{
    return str_skip(address, str_rfind(address, '@') + 1);
}

static struct str local_of(struct str address)
{
    return str_sub(address, 0, str_rfind(address, '@'));
}

static void use_filter(struct route *r, struct str filter)
{
    struct str hop = filter;

    r->transport = str_cut(&hop, ':');
    r->nexthop = hop.len ? hop : qmgr_conf.default_filter_nexthop;
    if (r->nexthop.len == 0)
        r->nexthop = domain_of(r->address);
}

static void use_text(struct route *r, struct str transport, struct str text)
{
    r->transport = transport;
    r->nexthop = text;
}

/* Destinations are told apart by nexthop; with one recipient a delivery, also by recipient. */
static struct str make_key(const struct route *r, int recipient_limit, struct arena *a)
{
    BUF_AUTO(key, 0);

    buf_add_lower(&key, r->nexthop);
    if (recipient_limit == 1) {
        buf_addc(&key, '\n');
        buf_add_lower(&key, r->address);
    }
    return arena_str(a, buf_str(&key));
}

static void apply_rules(struct route *r, unsigned flags)
{
    struct str local = local_of(r->address);

    if (flags & RESOLVE_FAIL)
        use_text(r, STR(QMGR_RETRY_TRANSPORT), STR("4.3.0 address resolver failure"));
    else if ((flags & RESOLVE_CLASS_FINAL) &&
             str_equal_nocase(local, site_conf.double_bounce_sender))
        r->discard = true;
    else if (((flags & RESOLVE_ERROR) && r->nexthop.len == 0) ||
             (str_starts(r->address, STR("-")) && !qmgr_conf.allow_min_user))
        use_text(r, site_conf.error_service_name, STR("5.1.3 bad address syntax"));
}

static void check_transport(struct route *r)
{
    if (!is_service_name(r->transport)) {
        log_warning("bad transport name \"" STR_FMT "\" for <" STR_FMT ">", STR_ARG(r->transport),
                    STR_ARG(r->address));
        use_text(r, STR(QMGR_RETRY_TRANSPORT), STR("4.3.5 mail transport unavailable"));
    } else if (str_has_word(qmgr_conf.defer_transports, r->transport)) {
        use_text(r, STR(QMGR_RETRY_TRANSPORT), STR("4.3.2 deferred transport"));
    }
}

struct route qmgr_route(struct qmgr *q, const struct envelope *e, struct str address,
                        struct arena *a)
{
    struct route r = { .address = e->redirect.len ? e->redirect : address };
    bool probe = e->trace_flags & 0x100;

    if (e->filter.len && !probe) {
        use_filter(&r, e->filter);
    } else {
        struct resolution res = rewrite_resolve(q->rewriter, e->text[DETAIL_SENDER], r.address, a);

        if (!(res.flags & RESOLVE_FAIL))
            r = (struct route){ .transport = res.transport,
                                .nexthop = res.nexthop,
                                .address = res.recipient };
        apply_rules(&r, res.flags);
    }
    if (r.discard)
        return r;
    check_transport(&r);
    struct schedule_transport *t = qmgr_transport(q, r.transport);

    r.key = make_key(&r, t->rules.recipient_limit, a);
    return r;
}

/* ---- transports ---- */

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
