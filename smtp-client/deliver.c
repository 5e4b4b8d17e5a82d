#include "smtp-client/deliver.h"

#include "client/tlsmgr.h"
#include "nexthop/destination.h"
#include "smtp-client/filter.h"
#include "smtp-client/greet.h"
#include "smtp-client/login.h"
#include "smtp-client/starttls.h"
#include "smtp-client/tour.h"
#include "table/match.h"

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
    login_open(service_conf(client->svc));
    agent.kept_destinations = match_list_open(smtp_conf.smtp_connection_cache_destinations,
                                              "smtp_connection_cache_destinations", 0);
}

void deliver_idle(void) { session_close(&agent.session, true); }

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

/* ---- the kept session ---- */

static bool session_is_usable(const struct client_session *s, const struct delivery_request *r)
{
    int64_t age_ms = clock_now_ms() - s->opened_ms;
    int limit = smtp_conf.smtp_connection_reuse_count_limit;

    return s->ready && str_equal(s->nexthop, r->nexthop) && s->tls_optional == tls_is_optional(r) &&
           age_ms < (int64_t)smtp_conf.smtp_connection_reuse_time_limit * 1000 &&
           (limit == 0 || s->uses <= limit);
}

static bool requirement_is_met(const struct attempt *at)
{
    switch (at->requiretls) {
    case REQUIRETLS_ENFORCE:
        return session_enforces(at->session);
    case REQUIRETLS_ENCRYPT:
        return at->session->tls != NULL;
    default:
        return at->requiretls != REQUIRETLS_CONFUSED;
    }
}

/* A kept session that died in between costs nothing but the attempt. */
static void try_kept_session(struct attempt *at)
{
    struct client_session *s = at->session;

    if (!session_is_open(s))
        return;
    at->requiretls = requiretls_find(&at->d->request, s->domain);
    if (!session_is_usable(s, &at->d->request) || !requirement_is_met(at)) {
        session_close(s, true);
        return;
    }
    tls_status_show(&s->tls_status, at->d);
    starttls_note_reuse(s);
    attempt_transfer(at, true);
    if (attempt_unfinished(at)) {
        session_close(s, true);
        at->reached = false;
    }
}

/* ---- the request ---- */

/* The queue manager stops trying a destination that cannot be reached; one whose mail was returned
 * is no such thing. */
static void report_site(const struct attempt *at)
{
    struct delivery_reply *r = &at->d->reply;

    r->site_reached = at->reached;
    if (at->reached || at->fault.text.len == 0 || r->result != DELIVERY_DEFERRED)
        return;
    r->site_failed = 1;
    r->dsn = arena_str(&at->d->arena, str_from(at->fault.dsn));
    r->reason = at->fault.text;
}

void deliver_notice_changes(struct service *svc)
{
    BUF_AUTO(name, 1024);

    if (!tables_have_changed(&name))
        buf_add(&name, starttls_files_changed());
    if (name.len)
        service_restart_for(svc, buf_cstr(&name));
    if (tlsmgr_has_lost_keys())
        service_replace(svc);
}

void deliver_message(struct delivery *d)
{
    struct attempt at = { .d = d,
                          .resolver = &agent.client->resolver,
                          .arguments = &agent.client->arguments,
                          .session = &agent.session,
                          .last = !may_keep_session(d) };

    deliver_notice_changes(d->svc);
    if (client_arguments_refuse(at.arguments, d))
        return;

    try_kept_session(&at);
    if (attempt_unfinished(&at))
        tour_servers(&at);
    if (attempt_unfinished(&at))
        attempt_finish_rest(&at);
    report_site(&at);
    if (at.last)
        session_close(at.session, true);
    d->reply.session = session_is_open(at.session);
}
