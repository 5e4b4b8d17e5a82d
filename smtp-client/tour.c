#include "smtp-client/tour.h"

#include "base/log.h"
#include "delivery/pass.h"
#include "nexthop/destination.h"
#include "smtp-client/connect.h"
#include "smtp-client/greet.h"
#include "smtp-client/login.h"

/* ---- one server ---- */

/* A server that is to be asked. */
struct candidate {
    const struct target_server *server;
    struct str domain; /* that the destination names */
    struct tls_policy tls;
    struct tls_status status;
    bool plain;        /* TLS has been tried in vain */
    bool more_servers; /* after this one */
};

static int64_t age_s(const struct delivery *d)
{
    return clock_wall().tv_sec - d->request.arrival_sec;
}

/* The server is of no use for this message.  Who says no for ever has decided for all servers, unless it is the server that
 * lacks something. */
static void give_up(struct attempt *at, const struct candidate *c, const struct fault *fault)
{
    bool elsewhere = fault->only_here && c->more_servers;

    if (c->more_servers && fault->text.len && (elsewhere || !fault->permanent))
        log_info(STR_FMT ": " STR_FMT, STR_ARG(at->d->request.queue_id), STR_ARG(fault->text));
    session_close(at->session, true);
    if (elsewhere)
        return;
    attempt_note(at, fault);
    if (fault->permanent) {
        at->fault = *fault;
        attempt_finish_rest(at);
    }
}

/* ---- what is asked of it ---- */

static struct str domain_of(const struct attempt *at, const struct target_server *server)
{
    struct destination to = { .host = STR_NONE };

    if (server->path.ptr)
        return site_conf.myhostname;
    bool known =
        destination_parse(at->destination, at->resolver->lmtp, at->resolver->default_port, &to);
    return known ? to.host : server->name;
}

/* False: no TLS that this server could offer will do, see the fault. */
static bool requirement_fits(struct attempt *at, struct candidate *c, struct fault *fault)
{
    struct delivery *d = at->d;

    at->requiretls = requiretls_find(&d->request, c->domain);
    c->status = (struct tls_status){ .wanted = c->tls.level };
    if (at->requiretls != REQUIRETLS_UNASKED)
        c->status.requiretls = "requiretls?";
    if (requiretls_allows(at->requiretls, c->tls.level, c->server->name, &d->request, &c->status,
                          &d->arena, fault))
        return true;
    log_warning("TLS policy lookup for " STR_FMT "/" STR_FMT ": " STR_FMT, STR_ARG(at->destination),
                STR_ARG(c->server->name), STR_ARG(fault->text));
    return false;
}

/* False: the server is not used, and `at->fault` may say why. */
static bool find_policy(struct attempt *at, struct candidate *c)
{
    struct delivery *d = at->d;
    struct tls_question q = { .destination = at->destination,
                              .domain = c->domain,
                              .server = c->server,
                              .optional = tls_is_optional(&d->request) };
    struct fault fault = { .text = STR_NONE };

    c->status = (struct tls_status){ .wanted = TLS_UNKNOWN };
    bool usable =
        tls_policy_find(&q, &d->arena, &c->tls, &fault) && requirement_fits(at, c, &fault);
    d->relay = STR("none");
    d->conn_use = 0;
    tls_status_show(&c->status, d);
    if (!usable)
        give_up(at, c, &fault);
    return usable;
}

/* Mail that has waited for a while, or a question about an address, does without what is optional. */
static bool may_go_plain(const struct attempt *at, const struct candidate *c)
{
    struct delivery *d = at->d;

    return c->tls.level == TLS_MAY && !c->plain && !requiretls_needs_tls(at->requiretls) &&
           (age_s(d) >= qmgr_conf.minimal_backoff_time || delivery_is_probe(d)) &&
           !login_is_wanted(d, c->server->name, at->destination);
}

/* ---- a session with it ---- */

static bool takes_requirement(const struct attempt *at, struct client_session *s,
                              struct fault *fault)
{
    if (at->requiretls != REQUIRETLS_ENFORCE || session_enforces(s))
        return true;
    requiretls_fail(REQUIRETLS_NOT_TAKEN, &s->tls_status, &at->d->arena, fault,
                    "Sender requested REQUIRETLS, but no server was found that supports "
                    "REQUIRETLS. The last attempted server was " STR_FMT,
                    STR_ARG(s->shown));
    return false;
}

static bool greet(struct attempt *at, const struct candidate *c, struct fault *fault)
{
    struct client_session *s = at->session;
    struct delivery *d = at->d;
    struct session_purpose purpose = { .queue_id = d->request.queue_id,
                                       .nexthop = d->request.nexthop,
                                       .age_s = age_s(d),
                                       .lmtp = at->resolver->lmtp,
                                       .tls = &c->tls,
                                       .plain = c->plain,
                                       .requiretls = at->requiretls };

    s->nexthop = arena_str(&s->arena, d->request.nexthop);
    s->domain = arena_str(&s->arena, c->domain);
    s->queue_id = arena_str(&s->arena, d->request.queue_id);
    s->tls_optional = tls_is_optional(&d->request);
    s->tls_status = c->status;
    bool ready = session_greet(s, &purpose, &d->arena, fault) && takes_requirement(at, s, fault) &&
                 login_run(s, d, at->destination, fault);
    tls_status_show(&s->tls_status, d);
    if (fault->loops && at->parameter)
        fault_blame(fault, at->parameter);
    d->relay = arena_str(&d->arena, s->relay);
    return ready;
}

/* Where TLS is optional, that it fails says nothing against the server, and another attempt may follow. */
static void note_handshake(struct attempt *at, const struct candidate *c, const struct fault *fault)
{
    if (!fault->handshake || c->tls.level != TLS_MAY)
        return;
    at->reached = true;
    if (!c->more_servers && may_go_plain(at, c))
        log_info(STR_FMT ": " STR_FMT, STR_ARG(at->d->request.queue_id), STR_ARG(fault->text));
}

/* A session that is ready for the message.  False: see the fault. */
static bool open_session(struct attempt *at, const struct candidate *c, struct fault *fault)
{
    bool connected = session_connect(at->session, c->server, &at->d->arena, fault);

    if (connected && greet(at, c, fault))
        return true;
    note_handshake(at, c, fault);
    if (connected)
        give_up(at, c, fault);
    else /* has been logged */
        attempt_note(at, fault);
    return false;
}

/* True: what failed might work without TLS. */
static bool offer(struct attempt *at, const struct candidate *c)
{
    struct client_session *s = at->session;
    struct fault fault = { .text = STR_NONE };

    if (!open_session(at, c, &fault))
        return fault.handshake;
    bool secured = s->tls != NULL;
    at->sessions++;
    attempt_transfer(at, c->more_servers);
    if (attempt_unfinished(at))
        session_close(s, true);
    return secured && at->lost;
}

static void try_server(struct attempt *at, const struct target_server *server, bool more_servers)
{
    struct candidate c = { .server = server,
                           .domain = domain_of(at, server),
                           .more_servers = more_servers };

    if (!find_policy(at, &c) || !offer(at, &c) || !attempt_unfinished(at) || !may_go_plain(at, &c))
        return;
    c.plain = true;
    (void)offer(at, &c);
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
    for (size_t i = 0; i < list->count && attempt_unfinished(at) && may_go_on(at->sessions); i++) {
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
    at->destination = text;
    (void)str_skip_prefix(&at->destination, STR("inet:")); /* which tables do not have */
    enum resolve_status how = resolve_destination(at->resolver, text, &at->d->arena, &list, &fault);

    if (how == RESOLVE_OK) {
        try_servers(at, &list, !more_destinations && (!has_fallback || list.self));
        return !list.self;
    }
    blame(at, how, &fault);
    if (how == RESOLVE_SELF && !at->parameter && smtp_conf.best_mx_transport.len)
        pass_to_best_mx_transport(at->d);
    attempt_note(at, &fault);
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
    } while (more && attempt_unfinished(at));
    return may_fall_back;
}

static void try_fallback_relay(struct attempt *at)
{
    struct str list = smtp_conf.smtp_fallback_relay, text;

    at->parameter = "smtp_fallback_relay";
    while (attempt_unfinished(at) && destination_next(&list, &text))
        (void)try_destination(at, text, has_more(list), false);
}

/* A destination that does not exist may still be known to the fallback relay. */
void tour_servers(struct attempt *at)
{
    bool has_fallback = has_more(smtp_conf.smtp_fallback_relay);

    if (!try_nexthop(at, at->d->request.nexthop, has_fallback) || !has_fallback ||
        !attempt_unfinished(at))
        return;
    at->fault.permanent = false;
    try_fallback_relay(at);
}
