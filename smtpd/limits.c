#include "smtpd/limits.h"

#include "base/log.h"
#include "client/anvil.h"
#include "smtpd/wire.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* The connection to anvil outlives sessions: the process asks again for its next client. */
static struct anvil_client anvil = ANVIL_CLIENT_INIT;

static bool any_limit(void)
{
    return smtpd_conf.smtpd_client_connection_count_limit > 0 ||
           smtpd_conf.smtpd_client_connection_rate_limit > 0 ||
           smtpd_conf.smtpd_client_message_rate_limit > 0 ||
           smtpd_conf.smtpd_client_recipient_rate_limit > 0 ||
           smtpd_conf.smtpd_client_auth_rate_limit > 0 ||
           smtpd_conf.smtpd_client_new_tls_session_rate_limit > 0;
}

static bool is_exempt(const struct session *s)
{
    return !s->peer.is_inet || !any_limit() || s->dialogue.options.xclient ||
           match_host_address(s->setup->limit_exceptions, s->peer.name, s->peer.address) !=
               MATCH_NO;
}

static void clear_tail(unsigned char *raw, size_t bytes, int prefix)
{
    for (size_t i = 0; i < bytes; i++) {
        int keep = prefix - (int)i * 8;
        if (keep < 8)
            raw[i] &= keep <= 0 ? 0 : (unsigned char)(0xff << (8 - keep));
    }
}

void limits_format_network(const struct net_addr *client, int ipv4_bits, int ipv6_bits,
                           struct buf *out)
{
    struct net_addr network = *client;

    if (network.ss.ss_family == AF_INET)
        clear_tail((unsigned char *)&((struct sockaddr_in *)(void *)&network.ss)->sin_addr, 4,
                   ipv4_bits);
    else if (network.ss.ss_family == AF_INET6)
        clear_tail((unsigned char *)&((struct sockaddr_in6 *)(void *)&network.ss)->sin6_addr, 16,
                   ipv6_bits);
    if (!net_addr_format(&network, out))
        buf_add(out, STR("unknown"));
}

static bool report(struct session *s, enum anvil_event event, struct anvil_answer *answer)
{
    BUF_AUTO(network, 128);

    limits_format_network(&s->peer.addr, smtpd_conf.smtpd_client_ipv4_prefix_length,
                          smtpd_conf.smtpd_client_ipv6_prefix_length, &network);
    return anvil_report(&anvil, event, service_name(s->setup->svc), buf_str(&network), answer);
}

static bool exceeds(struct session *s, const char *what, int value, int limit)
{
    if (limit <= 0 || value <= limit)
        return false;
    log_warning("%s limit exceeded: %d from " STR_FMT " for service " STR_FMT, what, value,
                STR_ARG(s->peer.shown), STR_ARG(service_name(s->setup->svc)));
    return true;
}

static struct smtp_reply refusal(struct session *s, int code, const char *status, struct str host,
                                 const char *what)
{
    BUF_AUTO(text, 512);

    buf_addf(&text, "%s " STR_FMT "%sError: too %s from " STR_FMT, status, STR_ARG(host),
             host.len ? " " : "", what, STR_ARG(s->peer.address));
    return (struct smtp_reply){ code, arena_str(&s->scratch, buf_str(&text)) };
}

static bool limits_new_tls(const struct session *s)
{
    return s->counted && smtpd_conf.smtpd_client_new_tls_session_rate_limit > 0;
}

static struct smtp_reply too_many_sessions(struct session *s, int code, struct str host)
{
    BUF_AUTO(text, 512);

    buf_join(&text, STR("4.7.0 "), host, host.len ? STR(" ") : STR(""),
             STR("Error: too many new TLS sessions from "), s->peer.name, STR("["), s->peer.address,
             STR("]"));
    return (struct smtp_reply){ code, arena_str(&s->arena, buf_str(&text)) };
}

struct smtp_reply limits_before_tls(struct session *s, const char *request)
{
    struct anvil_answer answer;

    if (!limits_new_tls(s) || !report(s, ANVIL_NEWTLS_STATUS, &answer) ||
        answer.rate <= smtpd_conf.smtpd_client_new_tls_session_rate_limit)
        return (struct smtp_reply){ 0 };
    log_warning("Refusing %s from " STR_FMT " for service " STR_FMT, request,
                STR_ARG(s->peer.shown), STR_ARG(service_name(s->setup->svc)));
    return too_many_sessions(s, 454, STR(""));
}

struct smtp_reply limits_on_new_tls(struct session *s)
{
    struct anvil_answer answer;

    if (limits_new_tls(s) && report(s, ANVIL_NEWTLS, &answer) &&
        exceeds(s, "New TLS session rate", answer.rate,
                smtpd_conf.smtpd_client_new_tls_session_rate_limit))
        return too_many_sessions(s, 421, site_conf.myhostname);
    return (struct smtp_reply){ 0 };
}

static uint32_t client_number(const struct session *s)
{
    BUF_AUTO(network, 128);

    limits_format_network(&s->peer.addr, smtpd_conf.smtpd_client_ipv4_prefix_length,
                          smtpd_conf.smtpd_client_ipv6_prefix_length, &network);
    return service_client_number(s->setup->svc, buf_str(&network));
}

/* Before anything that takes time: a whole crowd is turned away while one client waits behind it. */
bool limits_leave_room(struct session *s)
{
    BUF_AUTO(text, 512);

    if (!s->peer.is_inet)
        return true;
    uint32_t client = client_number(s);
    int seats = service_crowded_by(s->setup->svc, client);
    if (seats == 0) {
        service_note_client(s->setup->svc, client);
        return true;
    }
    log_warning("Connection concurrency limit exceeded: %d from unknown[" STR_FMT
                "] for service " STR_FMT,
                seats, STR_ARG(s->peer.address), STR_ARG(service_name(s->setup->svc)));
    buf_join(&text, STR("4.7.0 "), site_conf.myhostname, STR(" Error: too many connections from "),
             s->peer.address);
    wire_turn_away(s, (struct smtp_reply){ 421, buf_str(&text) });
    return false;
}

struct smtp_reply limits_on_connect(struct session *s)
{
    struct anvil_answer answer;

    if (is_exempt(s))
        return (struct smtp_reply){ 0 };
    s->counted = report(s, ANVIL_CONNECT, &answer);
    s->connections = s->counted ? answer.count : 0;
    if (s->counted &&
        (exceeds(s, "Connection concurrency", answer.count,
                 smtpd_conf.smtpd_client_connection_count_limit) ||
         exceeds(s, "Connection rate", answer.rate, smtpd_conf.smtpd_client_connection_rate_limit)))
        return refusal(s, 421, "4.7.0", site_conf.myhostname, "many connections");
    return (struct smtp_reply){ 0 };
}

/* A password that was stolen must not empty itself through us.  Logins that differ in case are one person to most
 * back-ends. */
static struct smtp_reply limit_login(struct session *s, enum anvil_event event, int limit,
                                     const char *what)
{
    struct anvil_answer answer;
    BUF_AUTO(login, 0);
    BUF_AUTO(text, 256);

    if (limit <= 0 || !session_has_login(s))
        return (struct smtp_reply){ 0 };
    buf_add_lower(&login, s->login.name);
    if (!anvil_report(&anvil, event, STR("login"), buf_str(&login), &answer) ||
        answer.rate <= limit)
        return (struct smtp_reply){ 0 };
    log_warning("login %s limit exceeded: %d from " STR_FMT ", sasl_username=" STR_FMT, what,
                answer.rate, STR_ARG(s->peer.shown), STR_ARG(s->login.name));
    buf_addf(&text, "4.7.1 Error: too many %ss from this login", what);
    return (struct smtp_reply){ 450, arena_str(&s->scratch, buf_str(&text)) };
}

struct smtp_reply limits_on_mail(struct session *s)
{
    struct anvil_answer answer;

    if (s->counted && smtpd_conf.smtpd_client_message_rate_limit > 0 &&
        report(s, ANVIL_MESSAGE, &answer) &&
        exceeds(s, "Message delivery request rate", answer.rate,
                smtpd_conf.smtpd_client_message_rate_limit))
        return refusal(s, 450, "4.7.1", STR(""), "much mail");
    return limit_login(s, ANVIL_LOGIN_MESSAGE, smtpd_conf.relevo_login_message_limit, "message");
}

struct smtp_reply limits_on_recipient(struct session *s)
{
    struct anvil_answer answer;

    if (s->counted && smtpd_conf.smtpd_client_recipient_rate_limit > 0 &&
        report(s, ANVIL_RECIPIENT, &answer) &&
        exceeds(s, "Recipient address rate", answer.rate,
                smtpd_conf.smtpd_client_recipient_rate_limit))
        return refusal(s, 450, "4.7.1", STR(""), "many recipients");
    return limit_login(s, ANVIL_LOGIN_RECIPIENT, smtpd_conf.relevo_login_recipient_limit,
                       "recipient");
}

struct smtp_reply limits_on_auth(struct session *s)
{
    struct anvil_answer answer;

    if (s->counted && smtpd_conf.smtpd_client_auth_rate_limit > 0 &&
        report(s, ANVIL_AUTH, &answer) &&
        exceeds(s, "AUTH command rate", answer.rate, smtpd_conf.smtpd_client_auth_rate_limit))
        return refusal(s, 450, "4.7.1", STR(""), "many AUTH commands");
    return (struct smtp_reply){ 0 };
}

void limits_on_disconnect(struct session *s)
{
    struct anvil_answer answer;

    if (s->counted && !report(s, ANVIL_DISCONNECT, &answer))
        log_warning("anvil did not take note that " STR_FMT " has gone", STR_ARG(s->peer.shown));
    s->counted = false;
}
