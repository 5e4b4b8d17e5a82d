#include "qmgr/route.h"

#include "base/log.h"
#include "ipc/messages/delivery.h"
#include "qmgr/transport.h"

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

static void use_filter(struct routing *r, struct str filter)
{
    struct str hop = filter;

    r->transport = str_cut(&hop, ':');
    r->nexthop = hop.len ? hop : qmgr_conf.default_filter_nexthop;
    if (r->nexthop.len == 0)
        r->nexthop = domain_of(r->address);
}

static void use_text(struct routing *r, struct str transport, struct str text)
{
    r->transport = transport;
    r->nexthop = text;
}

/* Destinations are told apart by nexthop; with one recipient a delivery, also by recipient. */
static struct str make_key(const struct routing *r, int recipient_limit, struct arena *a)
{
    BUF_AUTO(key, 0);

    buf_add_lower(&key, r->nexthop);
    if (recipient_limit == 1) {
        buf_addc(&key, '\n');
        buf_add_lower(&key, r->address);
    }
    return arena_str(a, buf_str(&key));
}

static void apply_rules(struct routing *r, unsigned flags)
{
    struct str local = local_of(r->address);

    if (flags & RESOLVE_FAIL)
        use_text(r, STR(QMGR_RETRY_TRANSPORT), STR("4.3.0 address resolver failure"));
    else if ((flags & RESOLVE_CLASS_FINAL) &&
             str_equal_nocase(local, site_conf.double_bounce_sender))
        r->discard = true;
    else if ((str_equal(r->transport, site_conf.error_service_name) && r->nexthop.len == 0) ||
             (str_starts(r->address, STR("-")) && !site_conf.allow_min_user))
        use_text(r, site_conf.error_service_name, STR("5.1.3 bad address syntax"));
}

/* Tables and settings may make any text longer than a request takes. */
static void check_lengths(struct routing *r, struct str address)
{
    if (r->nexthop.len > DELIVERY_NEXTHOP_MAX) {
        log_warning("next hop of %zu bytes for <" STR_FMT ">", r->nexthop.len, STR_ARG(address));
        use_text(r, STR(QMGR_RETRY_TRANSPORT), STR("4.3.5 next hop is too long"));
    }
    if (r->address.len > RECORD_FACT_MAX) {
        r->address = address;
        use_text(r, site_conf.error_service_name, STR("5.1.3 recipient address is too long"));
    }
}

static void check_transport(struct routing *r, bool asked_for)
{
    if (!is_service_name(r->transport)) {
        log_warning("bad transport name \"" STR_FMT "\" for <" STR_FMT ">", STR_ARG(r->transport),
                    STR_ARG(r->address));
        use_text(r, STR(QMGR_RETRY_TRANSPORT), STR("4.3.5 mail transport unavailable"));
    } else if (!asked_for && str_has_word(qmgr_conf.defer_transports, r->transport)) {
        use_text(r, STR(QMGR_RETRY_TRANSPORT), STR("4.3.2 deferred transport"));
    }
}

static bool is_probe(const struct envelope *e) { return e->trace_flags & DELIVERY_FLAG_PROBE_MTA; }

/* Questions about addresses shall not be in the way of mail; who asks takes it for a failure that passes. */
static bool has_too_many_probes(const struct qmgr *q)
{
    int limit = MIN(verify_conf.address_verify_pending_request_limit,
                    qmgr_conf.qmgr_message_active_limit / 4);

    return q->messages.probes > limit;
}

/* Where a message is redirected to is no business of the filter, nor is a question about an address. */
static bool is_filtered(const struct envelope *e)
{
    return e->text[DETAIL_FILTER].len && e->text[DETAIL_REDIRECT].len == 0 &&
           !(e->trace_flags & (DELIVERY_FLAG_PROBE_MTA | DELIVERY_FLAG_PROBE_USER));
}

struct routing qmgr_route(struct qmgr *q, const struct envelope *e, struct str address,
                          bool asked_for, struct arena *a)
{
    struct str redirect = e->text[DETAIL_REDIRECT];
    struct routing r = { .address = redirect.len ? redirect : address };

    if (is_filtered(e)) {
        use_filter(&r, e->text[DETAIL_FILTER]);
    } else {
        struct rewriter *rewriter =
            is_probe(e) && q->probe_rewriter ? q->probe_rewriter : q->rewriter;
        struct resolution res = rewrite_resolve(rewriter, e->text[DETAIL_SENDER], r.address, a);

        if (!(res.flags & RESOLVE_FAIL))
            r = (struct routing){ .transport = res.transport,
                                  .nexthop = res.nexthop,
                                  .address = res.recipient };
        apply_rules(&r, res.flags);
        if (is_probe(e) && has_too_many_probes(q))
            use_text(&r, STR(QMGR_RETRY_TRANSPORT),
                     STR("4.3.2 Too many address verification requests"));
    }
    if (r.discard)
        return r;
    check_lengths(&r, redirect.len ? redirect : address);
    check_transport(&r, asked_for);
    struct schedule_transport *t = qmgr_transport(q, r.transport);

    r.key = make_key(&r, t->rules.recipient_limit, a);
    return r;
}
