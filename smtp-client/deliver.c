#include "smtp-client/deliver.h"

#include "base/log.h"
#include "delivery/pass.h"
#include "smtp-client/destination.h"
#include "smtp-client/filter.h"
#include "smtp-client/policy.h"
#include "smtp-client/transfer.h"
#include "table/match.h"

#include <stdio.h>

/* The one session that outlives a request: qmgr sends more mail for the same nexthop over the same
 * channel. */
static struct {
    const struct client *client;
    struct client_session session;
    struct match_list *kept_destinations;
} agent = { .session.stream = STREAM_NONE };

void deliver_open(const struct client *client)
{
    agent.client = client;
    filter_open(service_conf(client->svc));
    session_open_tables();
    policy_open(service_conf(client->svc));
    agent.kept_destinations = match_list_open(smtp_conf.smtp_connection_cache_destinations,
                                              "smtp_connection_cache_destinations", 0);
}

void deliver_idle(void) { session_close(&agent.session, true); }

/* One request's tour of servers. */
struct attempt {
    struct delivery *d;
    struct fault fault; /* why the recipients that are left are left; text absent: no reason yet */
    bool reached;       /* some server took part in a transaction */
    int sessions;       /* with servers of the present destination */
    const char *parameter; /* of main.cf that names the present destination; NULL: none */
};

static size_t unfinished(const struct delivery *d)
{
    size_t n = 0;

    for (size_t i = 0; i < d->count; i++)
        n += d->recipients[i].finished ? 0 : 1;
    return n;
}

/* The last reason counts, but while one of several ways may work later nothing is hopeless. */
static void note_fault(struct attempt *at, const struct fault *fault)
{
    bool may_work_later = at->fault.text.len && !at->fault.permanent;

    if (fault->text.len && !(fault->permanent && may_work_later))
        at->fault = *fault;
}

static void finish_rest(struct attempt *at)
{
    struct fault *f = &at->fault;
    struct outcome o = { .status = f->permanent ? OUTCOME_BOUNCED : OUTCOME_DEFERRED };

    if (f->text.len == 0)
        fault_set(f, &at->d->arena, "4.3.0", false, "server unavailable or unable to receive mail");
    if (f->parameter)
        log_warning("%s configuration problem", f->parameter);
    if (f->reply.len) {
        o.diag_type = STR("smtp");
        o.diag_text = f->reply;
        o.mta_name = f->server;
    }
    o.text = f->text;
    (void)snprintf(o.dsn, sizeof o.dsn, "%s", f->dsn);
    delivery_finish_rest(at->d, &o);
}

/* ---- one server ---- */

static bool is_listed(struct str text)
{
    return match_string(agent.kept_destinations, text) == MATCH_YES;
}

/* The list has destinations as they are written, or the names of hosts and paths alone. */
static bool destination_is_listed(struct str nexthop)
{
    const struct resolver *r = &agent.client->resolver;
    struct destination to;

    if (match_list_is_empty(agent.kept_destinations))
        return false;
    return is_listed(nexthop) || (destination_parse(nexthop, r->lmtp, r->default_port, &to) &&
                                  is_listed(to.path.ptr ? to.path : to.host));
}

/* Is the session worth keeping for more mail to the same destination? */
static bool may_keep_session(const struct delivery *d)
{
    if (smtp_conf.smtp_sender_dependent_authentication)
        return false;
    if (smtp_conf.smtp_connection_cache_on_demand && (d->request.flags & DELIVERY_FLAG_CONN_LOAD))
        return true;
    return destination_is_listed(d->request.nexthop);
}

static void begin_message(struct client_session *s, struct delivery *d)
{
    s->queue_id = arena_str(&s->arena, d->request.queue_id);
    if (!s->at_odds && s->uses > 1)
        transcript_trim(&s->said, 0);
}

static void run_transfer(struct attempt *at, struct client_session *s, bool more_servers)
{
    struct delivery *d = at->d;
    struct transfer t = { .d = d,
                          .session = s,
                          .arguments = &agent.client->arguments,
                          .more_servers = more_servers,
                          .last = !may_keep_session(d) };

    d->relay = arena_str(&d->arena, s->relay);
    d->conn_use = ++s->uses;
    gettimeofday(&d->times.conn_done, NULL);
    begin_message(s, d);
    transfer_run(&t);
    at->reached = true;
    note_fault(at, &t.fault);
    if (t.lost || s->dialogue.closing)
        session_close(s, !t.lost);
}

/* A session that is ready for the message.  False: `at->fault`. */
static bool open_session(struct attempt *at, const struct target_server *server, bool more_servers)
{
    struct client_session *s = &agent.session;
    struct delivery *d = at->d;
    struct fault fault = { .text = STR_NONE };
    struct session_purpose purpose = { .queue_id = d->request.queue_id,
                                       .nexthop = d->request.nexthop,
                                       .age_s = clock_wall().tv_sec - d->request.arrival_sec,
                                       .lmtp = agent.client->resolver.lmtp };
    bool ready = false;

    d->relay = STR("none");
    d->conn_use = 0;
    d->tls_summary = policy_unreached_summary(d->request.nexthop, &d->arena);
    if (session_connect(s, server, &d->arena, &fault)) {
        s->nexthop = arena_str(&s->arena, d->request.nexthop);
        s->queue_id = arena_str(&s->arena, d->request.queue_id);
        ready = session_greet(s, &purpose, &d->arena, &fault) && policy_is_met(s, d, &fault);
        if (fault.loops && at->parameter)
            fault_blame(&fault, at->parameter);
        d->relay = arena_str(&d->arena, s->relay);
        if (!ready && more_servers && !fault.permanent)
            log_info(STR_FMT ": " STR_FMT, STR_ARG(d->request.queue_id), STR_ARG(fault.text));
    }
    note_fault(at, &fault);
    if (!ready)
        session_close(s, true);
    /* Who talked to us and says no for ever has decided for all servers. */
    if (!ready && fault.permanent) {
        at->fault = fault;
        finish_rest(at);
    }
    return ready;
}

static void try_server(struct attempt *at, const struct target_server *server, bool more_servers)
{
    struct client_session *s = &agent.session;

    if (!open_session(at, server, more_servers))
        return;
    at->sessions++;
    run_transfer(at, s, more_servers);
    if (unfinished(at->d))
        session_close(s, true);
}

/* ---- one destination ---- */

static bool may_go_on(int sessions)
{
    int limit = smtp_conf.smtp_mx_session_limit;

    return limit == 0 || sessions < limit;
}

static void try_servers(struct attempt *at, const struct target_list *list, bool last_destination)
{
    at->sessions = 0;
    for (size_t i = 0; i < list->count && unfinished(at->d) && may_go_on(at->sessions); i++) {
        bool last_server = i + 1 == list->count || !may_go_on(at->sessions + 1);
        try_server(at, &list->servers[i], !last_destination || !last_server);
    }
}

/* We are the best exchanger of a domain that we do not know: a site may name a transport for it. */
static void pass_to_best_mx_transport(struct delivery *d)
{
    for (size_t i = 0; i < d->count; i++) {
        struct delivery_rcpt *rcpt = &d->recipients[i];
        struct outcome o;
        bool failed;
        if (rcpt->finished)
            continue;
        bool done = delivery_pass(d, &rcpt->info, d->request.sender, smtp_conf.best_mx_transport,
                                  &o, &failed);
        if (failed)
            delivery_finish(d, rcpt, &o);
        else
            delivery_settle(d, rcpt, done);
    }
}

/* The site's own hops are its configuration; a domain that mail is addressed to is not. */
static void blame(const struct attempt *at, enum resolve_status how, struct fault *fault)
{
    if (at->parameter && (fault->permanent || how == RESOLVE_BAD))
        fault_blame(fault, at->parameter);
}

/* False: no fallback relay for this destination, as it might be a host that sends mail to us. */
static bool try_destination(struct attempt *at, struct str text, bool more_destinations,
                            bool has_fallback)
{
    struct target_list list;
    struct fault fault = { .text = STR_NONE };
    enum resolve_status how =
        resolve_destination(&agent.client->resolver, text, &at->d->arena, &list, &fault);

    if (how == RESOLVE_OK) {
        try_servers(at, &list, !more_destinations && (!has_fallback || list.self));
        return !list.self;
    }
    blame(at, how, &fault);
    if (how == RESOLVE_SELF && !at->parameter && smtp_conf.best_mx_transport.len)
        pass_to_best_mx_transport(at->d);
    note_fault(at, &fault);
    return how != RESOLVE_SELF;
}

static bool has_more(struct str list)
{
    struct str text;

    return destination_next(&list, &text);
}

static bool is_relayhost(struct str text)
{
    struct str list = site_conf.relayhost, hop;

    while (destination_next(&list, &hop))
        if (str_equal_nocase(hop, text))
            return true;
    return false;
}

/* True: the fallback relay may be asked.  A list that holds nothing is a bad destination, too. */
static bool try_nexthop(struct attempt *at, struct str list, bool has_fallback)
{
    struct str text = list;
    bool may_fall_back = true, more;

    do {
        (void)destination_next(&list, &text);
        more = has_more(list);
        at->parameter = is_relayhost(text) ? "relayhost" : NULL;
        may_fall_back &= try_destination(at, text, more, has_fallback);
    } while (more && unfinished(at->d));
    return may_fall_back;
}

static void try_fallback_relay(struct attempt *at)
{
    struct str list = smtp_conf.smtp_fallback_relay, text;

    at->parameter = "smtp_fallback_relay";
    while (unfinished(at->d) && destination_next(&list, &text))
        (void)try_destination(at, text, has_more(list), false);
}

/* A destination that does not exist may still be known to the fallback relay. */
static void try_all(struct attempt *at)
{
    bool has_fallback = has_more(smtp_conf.smtp_fallback_relay);

    if (!try_nexthop(at, at->d->request.nexthop, has_fallback) || !has_fallback ||
        !unfinished(at->d))
        return;
    at->fault.permanent = false;
    try_fallback_relay(at);
}

/* ---- the kept session ---- */

static bool session_is_usable(const struct client_session *s, struct str nexthop)
{
    int64_t age_ms = clock_now_ms() - s->opened_ms;
    int limit = smtp_conf.smtp_connection_reuse_count_limit;

    return s->ready && str_equal(s->nexthop, nexthop) &&
           age_ms < (int64_t)smtp_conf.smtp_connection_reuse_time_limit * 1000 &&
           (limit == 0 || s->uses <= limit);
}

/* A kept session that died in between costs nothing but the attempt. */
static void try_kept_session(struct attempt *at)
{
    struct client_session *s = &agent.session;

    if (!session_is_open(s))
        return;
    if (!session_is_usable(s, at->d->request.nexthop) || !policy_is_met(s, at->d, &at->fault)) {
        session_close(s, true);
        return;
    }
    run_transfer(at, s, true);
    if (unfinished(at->d)) {
        session_close(s, true);
        at->reached = false;
    }
}

/* ---- the request ---- */

/* The queue manager stops trying a destination that cannot be reached; one whose mail was returned
 * is no such thing. */
static void report_site(struct attempt *at)
{
    struct delivery_reply *r = &at->d->reply;

    r->site_reached = at->reached;
    if (at->reached || at->fault.text.len == 0 || r->result != DELIVERY_DEFERRED)
        return;
    r->site_failed = 1;
    r->dsn = arena_str(&at->d->arena, str_from(at->fault.dsn));
    r->reason = at->fault.text;
}

/* In the jail tables cannot be opened again: the next process does. */
static void notice_changed_tables(struct service *svc)
{
    BUF_AUTO(name, 1024);

    if (tables_have_changed(&name))
        service_restart_for(svc, buf_cstr(&name));
}

void deliver_message(struct delivery *d)
{
    struct attempt at = { .d = d };

    notice_changed_tables(d->svc);
    if (client_arguments_refuse(&agent.client->arguments, d))
        return;
    d->tls_summary = policy_unreached_summary(d->request.nexthop, &d->arena);
    try_kept_session(&at);
    if (unfinished(d))
        try_all(&at);
    if (unfinished(d))
        finish_rest(&at);
    report_site(&at);
    if (!may_keep_session(d))
        session_close(&agent.session, true);
}
