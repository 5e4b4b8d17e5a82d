#include "smtpd/auth.h"

#include "base/log.h"
#include "smtpd/auth_backend.h"
#include "smtpd/limits.h"
#include "smtpd/milters.h"
#include "smtpd/respond.h"

#define MECHANISM_SHOWN_MAX 100
#define LONG_LINE_SHOWN_MAX 30

static const struct auth_backend *const backends[] = { &auth_cyrus, &auth_dovecot };

/* ---- before the jail ---- */

static const struct auth_backend *find_backend(struct str type)
{
    for (size_t i = 0; i < ARRAY_LEN(backends); i++)
        if (str_equal(type, backends[i]->type))
            return backends[i];
    log_warning("unsupported SASL server implementation: " STR_FMT, STR_ARG(type));
    log_fatal("SASL per-process initialization failed");
}

static struct sasl_policy parse_policy(struct str words, const char *parameter)
{
    struct sasl_policy policy;
    struct str bad;

    if (!sasl_policy_parse(words, &policy, &bad))
        log_fatal("unknown %s value \"" STR_FMT "\" in \"" STR_FMT "\"", parameter, STR_ARG(bad),
                  STR_ARG(words));
    return policy;
}

void auth_open(struct setup *setup)
{
    if (!smtpd_conf.smtpd_sasl_auth_enable || service_is_standalone(setup->svc))
        return;
    setup->auth.backend = find_backend(smtpd_conf.smtpd_sasl_type);
    setup->auth.plain =
        parse_policy(smtpd_conf.smtpd_sasl_security_options, "smtpd_sasl_security_options");
    setup->auth.secured =
        parse_policy(smtpd_conf.smtpd_sasl_tls_security_options, "smtpd_sasl_tls_security_options");
    setup->auth.mechanism_filter =
        match_list_open(smtpd_conf.smtpd_sasl_mechanism_filter, "smtpd_sasl_mechanism_filter", 0);
    setup->auth.backend->open(setup);
}

/* ---- what is offered ---- */

static struct sasl_policy policy_of(const struct session *s)
{
    return session_is_secured(s) ? s->setup->auth.secured : s->setup->auth.plain;
}

static void filter_mechanisms(struct match_list *filter, struct str offered, struct buf *out)
{
    struct str rest = offered, name;

    while (str_token(&rest, " ", &name))
        if (match_string(filter, name) == MATCH_YES)
            buf_join(out, out->len ? STR(" ") : STR(""), name);
    if (out->len == 0)
        log_fatal("smtpd_sasl_mechanism_filter discards all mechanisms in '" STR_FMT "'",
                  STR_ARG(str_trim(offered)));
}

static bool is_active(const struct session *s)
{
    bool waits_for_tls =
        smtpd_tls_conf.smtpd_tls_auth_only || s->setup->tls.level == TLS_SERVER_ENCRYPT;

    return s->setup->auth.backend && (session_is_secured(s) || !waits_for_tls);
}

bool auth_offer(struct session *s)
{
    BUF_AUTO(offered, 0);

    buf_clear(&s->auth.mechanisms);
    if (!is_active(s))
        return false;
    if (!s->setup->auth.backend->list(s, policy_of(s), &offered) || offered.len == 0)
        log_fatal("no SASL authentication mechanisms");
    filter_mechanisms(s->setup->auth.mechanism_filter, buf_str(&offered), &s->auth.mechanisms);
    return true;
}

/* ---- the exchange ---- */

static struct str keep_printable(struct session *s, struct str text)
{
    BUF_AUTO(clean, 0);

    buf_add_printable(&clean, text);
    return arena_str(&s->arena, buf_str(&clean));
}

static void log_failure(const struct session *s, struct str reason)
{
    struct str user = s->auth.user;

    log_warning(STR_FMT ": SASL " STR_FMT " authentication failed: " STR_FMT
                        ", sasl_username=" STR_FMT,
                STR_ARG(s->peer.shown), STR_ARG(s->auth.mechanism), STR_ARG(reason),
                STR_ARG(user.len ? user : STR("(unavailable)")));
}

static void refuse(struct session *s, int code, struct str head, struct str reason)
{
    BUF_AUTO(text, 0);
    BUF_AUTO(clean, 0);

    buf_add_printable(&clean, reason.len ? reason : STR("(reason unavailable)"));
    log_failure(s, buf_str(&clean));
    buf_join(&text, head, buf_str(&clean));
    respond(s, (struct smtp_reply){ code, buf_str(&text) });
}

static void succeed(struct session *s)
{
    s->login = (struct login){ .name = s->auth.user, .method = s->auth.mechanism };
    respond(s, (struct smtp_reply){ 235, STR("2.7.0 Authentication successful") });
}

void auth_end(const struct setup *setup)
{
    if (setup->auth.backend && setup->auth.backend->end)
        setup->auth.backend->end();
}

static void conclude(struct session *s, struct auth_verdict v)
{
    if (v.user.len)
        s->auth.user = keep_printable(s, v.user);
    session_keep(s);
    switch (v.kind) {
    case AUTH_CHALLENGE:
        respond(s, (struct smtp_reply){ 334, v.text });
        break;
    case AUTH_SUCCESS:
        succeed(s);
        break;
    case AUTH_FAILURE:
        refuse(s, 535, STR("5.7.8 Error: authentication failed: "), v.text);
        break;
    case AUTH_TEMPORARY:
        refuse(s, 454, STR("4.7.0 Temporary authentication failure: "), v.text);
        break;
    }
    if (v.kind != AUTH_CHALLENGE)
        auth_end(s->setup);
}

static bool asks_too_often(struct session *s)
{
    struct smtp_reply limit = limits_on_auth(s);

    if (limit.code)
        respond(s, limit);
    return limit.code != 0;
}

void auth_handle(struct session *s, const struct smtp_event *ev)
{
    s->where = SMTP_CMD_AUTH;
    if (milters_bar(s, SMTP_CMD_AUTH) || asks_too_often(s))
        return;
    s->auth.mechanism = keep_printable(s, str_sub(ev->arg, 0, MECHANISM_SHOWN_MAX));
    s->auth.user = STR_NONE; /* of an earlier try */
    conclude(s, s->setup->auth.backend->begin(s, policy_of(s), ev->arg, ev->initial));
}

void auth_continue(struct session *s, const struct smtp_event *ev)
{
    conclude(s, s->setup->auth.backend->go_on(s, ev->arg));
}

static void log_end_of_exchange(const struct session *s, const struct smtp_event *ev)
{
    if (ev->reply.code == 501)
        log_warning(STR_FMT ": SASL " STR_FMT " authentication aborted", STR_ARG(s->peer.shown),
                    STR_ARG(s->auth.mechanism));
    else
        log_warning(STR_FMT ": request longer than %d: " STR_FMT "...", STR_ARG(s->peer.shown),
                    smtpd_conf.smtpd_sasl_response_limit,
                    STR_ARG(str_sub(ev->line, 0, LONG_LINE_SHOWN_MAX)));
}

bool auth_refuse(struct session *s, const struct smtp_event *ev)
{
    bool is_judged = ev->fault == SMTP_FAULT_ORDER || ev->fault == SMTP_FAULT_OPTION ||
                     ev->fault == SMTP_FAULT_SYNTAX;

    if (ev->fault == SMTP_FAULT_AUTH) {
        log_end_of_exchange(s, ev);
        auth_end(s->setup);
    }
    return is_judged && asks_too_often(s);
}

void auth_forget(struct session *s)
{
    s->login = (struct login){ .name = STR_NONE };
    s->auth.user = STR_NONE;
}
