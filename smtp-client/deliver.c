#include "smtp-client/deliver.h"

#include "base/log.h"
#include "smtp-client/filter.h"
#include "smtp-client/transfer.h"
#include "table/list.h"

#include <stdio.h>

/* The one session that outlives a request: qmgr sends more mail for the same nexthop over the same channel. */
static struct {
    const struct client *client;
    struct client_session session;
    struct table_list *passwords;
} agent = { .session.fd = -1 };

void deliver_open(const struct client *client)
{
    agent.client = client;
    filter_open(service_conf(client->svc));
    if (smtp_conf.smtp_sasl_auth_enable)
        agent.passwords = table_list_open(smtp_conf.smtp_sasl_password_maps, "smtp_sasl_password_maps", TABLE_DEFAULT);
}

void deliver_idle(void) { session_close(&agent.session, true); }

/* One pass over the servers of a request. */
struct attempt {
    struct delivery *d;
    struct session_fault fault; /* the last reason; text empty: none yet */
    bool reached;               /* some server took part in a transaction */
    int sessions, addresses;
    bool finalised;
};

static size_t unfinished(const struct delivery *d)
{
    size_t n = 0;

    for (size_t i = 0; i < d->count; i++)
        n += d->recipients[i].finished ? 0 : 1;
    return n;
}

static void finish_rest(struct attempt *at, bool permanent)
{
    struct outcome o = { .status = permanent ? OUTCOME_BOUNCED : OUTCOME_DEFERRED, .text = at->fault.text };

    if (at->fault.reply.len) {
        o.diag_type = STR("smtp");
        o.diag_text = at->fault.reply;
        o.mta_name = at->fault.server;
    }
    snprintf(o.dsn, sizeof o.dsn, "%s", at->fault.dsn);
    if (o.text.len == 0) {
        o.text = STR("server unavailable or unable to receive mail");
        snprintf(o.dsn, sizeof o.dsn, "4.3.0");
    }
    delivery_finish_rest(at->d, &o);
}

static void run_transfer(struct attempt *at, struct client_session *s, bool more_servers)
{
    struct delivery *d = at->d;
    struct transfer t = { .d = d, .session = s, .more_servers = more_servers };

    t.rcpts = arena_alloc(&d->arena, d->count * sizeof *t.rcpts);
    for (size_t i = 0; i < d->count; i++)
        if (!d->recipients[i].finished)
            t.rcpts[t.count++] = &d->recipients[i];
    t.verdicts = arena_alloc(&d->arena, t.count * sizeof *t.verdicts);
    d->relay = arena_str(&d->arena, s->relay);
    d->conn_use = ++s->uses;
    gettimeofday(&d->times.conn_done, NULL);
    transfer_run(&t);
    at->reached = true;
    if (t.fault.text.len)
        at->fault = t.fault;
    if (t.lost)
        session_close(s, false);
}

/* TLS and SASL are not part of this version: mail that needs them waits, and the log says why. */
static bool needs_more_than_we_have(struct attempt *at, struct client_session *s)
{
    struct str level = smtp_tls_conf.smtp_tls_security_level;
    BUF_AUTO(text, 512);
    BUF_AUTO(value, 256);

    at->d->tls_summary = STR("none");
    if (level.len && !str_equal_nocase(level, STR("none"))) {
        at->d->tls_summary = STR("may:none");
        if (!str_equal_nocase(level, STR("may")))
            buf_join(&text, STR("TLS is required, but our TLS engine is unavailable"));
    }
    if (text.len == 0 && agent.passwords &&
        (table_list_lookup(agent.passwords, s->name, &value) == TABLE_FOUND ||
         table_list_lookup(agent.passwords, at->d->request.nexthop, &value) == TABLE_FOUND))
        buf_join(&text, STR("SASL authentication is required for "), s->shown, STR(", but it is unavailable"));
    if (text.len == 0)
        return false;
    at->fault = (struct session_fault){ .dsn = "4.7.5" };
    at->fault.text = arena_str(&at->d->arena, buf_str(&text));
    return true;
}

/* True when this server took part, whatever it then said. */
static bool try_server(struct attempt *at, const struct target_server *server, bool more_servers)
{
    struct client_session *s = &agent.session;
    struct delivery *d = at->d;

    at->addresses++;
    if (!session_connect(s, server, &d->arena, &at->fault))
        return false;
    s->nexthop = arena_str(&s->arena, d->request.nexthop);
    if (!session_greet(s, agent.client->targets.lmtp, &d->arena, &at->fault)) {
        d->relay = arena_str(&d->arena, s->relay);
        session_close(s, true);
        if (at->fault.permanent)
            finish_rest(at, true);
        else if (more_servers)
            log_info(STR_FMT ": " STR_FMT, STR_ARG(d->request.queue_id), STR_ARG(at->fault.text));
        return false;
    }
    at->sessions++;
    if (needs_more_than_we_have(at, s)) {
        session_close(s, true);
        return false;
    }
    run_transfer(at, s, more_servers);
    return true;
}

static bool may_go_on(const struct attempt *at)
{
    return (smtp_conf.smtp_mx_session_limit == 0 || at->sessions < smtp_conf.smtp_mx_session_limit) &&
           (smtp_conf.smtp_mx_address_limit == 0 || at->addresses < smtp_conf.smtp_mx_address_limit);
}

static void try_destination(struct attempt *at, struct str destination, bool mx_allowed, bool last)
{
    struct target_list list;
    const char *dsn = "4.3.0";
    struct str why;
    struct arena *a = &at->d->arena;
    enum target_status status =
        target_resolve(&agent.client->targets, destination, mx_allowed, a, &list, &dsn, &why);

    if (status != TARGET_OK) {
        at->fault = (struct session_fault){ .text = why, .permanent = status == TARGET_BOUNCE };
        snprintf(at->fault.dsn, sizeof at->fault.dsn, "%s", dsn);
        if (status == TARGET_BOUNCE && last)
            finish_rest(at, true);
        return;
    }
    at->sessions = at->addresses = 0;
    for (size_t i = 0; i < list.count && unfinished(at->d) && may_go_on(at); i++) {
        bool more = !last || i + 1 < list.count;
        (void)try_server(at, &list.servers[i], more);
        if (unfinished(at->d) && agent.session.fd >= 0)
            session_close(&agent.session, true);
    }
}

static void try_all(struct attempt *at)
{
    struct str nexthop = at->d->request.nexthop, fallback = smtp_conf.smtp_fallback_relay, destination, probe;

    while (unfinished(at->d) && target_next(&nexthop, &destination)) {
        struct str rest = nexthop;
        bool last = !target_next(&rest, &probe) && fallback.len == 0;
        try_destination(at, destination, true, last);
    }
    while (unfinished(at->d) && target_next(&fallback, &destination)) {
        struct str rest = fallback;
        try_destination(at, destination, true, !target_next(&rest, &probe));
    }
}

static bool session_is_usable(const struct client_session *s, struct str nexthop)
{
    int64_t age = clock_now_ms() - s->opened_ms;
    int limit = smtp_conf.smtp_connection_reuse_count_limit;

    return s->fd >= 0 && s->ready && str_equal(s->nexthop, nexthop) &&
           age < (int64_t)smtp_conf.smtp_connection_reuse_time_limit * 1000 && (limit == 0 || s->uses < limit);
}

/* A kept session that died in between costs nothing but the attempt. */
static void try_kept_session(struct attempt *at)
{
    struct client_session *s = &agent.session;

    if (s->fd < 0)
        return;
    if (!session_is_usable(s, at->d->request.nexthop)) {
        session_close(s, true);
        return;
    }
    run_transfer(at, s, true);
    if (unfinished(at->d)) {
        session_close(s, true);
        at->reached = false;
    }
}

static void report_site(struct attempt *at)
{
    struct delivery_reply *r = &at->d->reply;

    r->site_reached = at->reached;
    if (at->reached || at->fault.text.len == 0)
        return;
    r->site_failed = 1;
    r->dsn = arena_str(&at->d->arena, str_from(at->fault.dsn));
    r->reason = at->fault.text;
}

static bool keeps_session(const struct delivery *d)
{
    return agent.session.fd >= 0 && smtp_conf.smtp_connection_cache_on_demand &&
           (d->request.flags & DELIVERY_FLAG_CONN_LOAD);
}

void deliver_message(struct delivery *d)
{
    struct attempt at = { .d = d };

    d->relay = STR("none");
    d->tls_summary = STR("none");
    try_kept_session(&at);
    if (unfinished(d))
        try_all(&at);
    if (unfinished(d))
        finish_rest(&at, false);
    report_site(&at);
    if (!keeps_session(d))
        session_close(&agent.session, true);
    d->reply.keep = 1;
}
