/* check_policy_service: a server outside decides, in the words of an access table. */
#include "client/policy.h"

#include "base/log.h"
#include "base/utf8.h"
#include "smtpd/access/actions.h"
#include "smtpd/access/internal.h"
#include "text/xtext.h"

#include <stdio.h>
#include <unistd.h>

#define REQUEST_MAX (64UL * 1024)
#define ACTION_MAX  (16UL * 1024)
#define FALLBACK    STR("451 4.3.5 Server configuration problem")

static struct policy_settings default_settings(void)
{
    return (struct policy_settings){
        .timeout = smtpd_conf.smtpd_policy_service_timeout,
        .max_idle = smtpd_conf.smtpd_policy_service_max_idle,
        .max_ttl = smtpd_conf.smtpd_policy_service_max_ttl,
        .request_limit = smtpd_conf.smtpd_policy_service_request_limit,
        .try_limit = smtpd_conf.smtpd_policy_service_try_limit,
        .retry_delay = smtpd_conf.smtpd_policy_service_retry_delay,
        .default_action = smtpd_conf.smtpd_policy_service_default_action,
        .context = smtpd_conf.smtpd_policy_service_policy_context,
    };
}

struct policy {
    struct policy_server *server;
    struct rule_list *default_rules; /* when the default action asks another service; else NULL */
};

static struct rule_list *open_default_rules(struct access *a, const struct policy_server *server)
{
    struct str action = policy_server_settings(server)->default_action;
    struct rule_list *rules;

    if (!str_starts(action, STR("check_policy_service")))
        return NULL;
    rules = arena_alloc(&a->arena, sizeof *rules);
    rule_list_parse(a, &a->arena, action, "default_action", rules);
    return rules;
}

/* Equal texts mean one server and one connection. */
struct policy *policy_open(struct access *a, struct str text)
{
    struct policy_settings defaults = default_settings();
    struct policy *policy = map_get(&a->policies, text);
    BUF_AUTO(why, 512);

    if (policy || !str_has(text, ':'))
        return policy;
    policy = arena_alloc(&a->arena, sizeof *policy);
    policy->server = policy_server_open(a->setup->connector, text, &defaults, &why);
    if (policy->server == NULL)
        log_fatal("check_policy_service: " STR_FMT, STR_ARG(buf_str(&why)));
    (void)map_set(&a->policies, text, policy);
    policy->default_rules = open_default_rules(a, policy->server);
    return policy;
}

/* ---- the request ---- */

static struct str state_of(const struct session *s)
{
    switch (s->where) {
    case SMTP_CMD_UNKNOWN:
        return STR("END-OF-MESSAGE");
    case SMTP_CMD_BDAT:
        return STR("DATA");
    case SMTP_CMD_CONNECT:
        return STR("CONNECT");
    default:
        return smtp_command_name(s->where);
    }
}

static bool is_after_recipients(const struct session *s)
{
    return s->where == SMTP_CMD_DATA || s->where == SMTP_CMD_BDAT || s->where == SMTP_CMD_UNKNOWN;
}

static int64_t size_of(const struct session *s)
{
    if (s->where == SMTP_CMD_UNKNOWN)
        return s->t.content_bytes;
    return MAX(s->t.mail.size, 0);
}

/* The same for all questions about one message, and for no other. */
static struct str instance_of(struct session *s)
{
    struct transaction *t = &s->t;
    struct timeval now = clock_wall();
    char text[80];

    if (!t->active || s->where == SMTP_CMD_MAIL)
        return STR("");
    if (t->instance.len == 0) {
        (void)snprintf(text, sizeof text, "%x.%llx.%llx.%x", (unsigned)getpid(),
                       (unsigned long long)now.tv_sec, (unsigned long long)now.tv_usec,
                       s->instances++);
        t->instance = arena_str(&t->arena, str_from(text));
    }
    return t->instance;
}

static void put(struct buf *out, const char *name, struct str value)
{
    buf_join(out, str_from(name), STR("="), value, STR("\n"));
}

static void put_number(struct buf *out, const char *name, int64_t value)
{
    BUF_AUTO(text, 24);

    buf_add_int(&text, value);
    put(out, name, buf_str(&text));
}

static void put_client(struct buf *out, const struct session *s)
{
    const struct peer *p = &s->peer;

    put(out, "request", STR("smtpd_access_policy"));
    put(out, "protocol_state", state_of(s));
    put(out, "protocol_name", session_protocol(s));
    put(out, "client_address", p->address);
    put(out, "client_name", p->name);
    put(out, "client_port", p->port);
    put(out, "reverse_client_name", p->reverse_name);
    put(out, "server_address", p->server_address);
    put(out, "server_port", p->server_port);
    put(out, "helo_name", s->helo);
}

static void put_message(struct buf *out, struct judge *j)
{
    struct session *s = j->s;

    put(out, "sender", s->t.sender);
    put(out, "recipient", j->rcpt ? j->rcpt->address : STR(""));
    put_number(out, "recipient_count", is_after_recipients(s) ? s->t.rcpt_accepted : 0);
    put(out, "queue_id", s->t.open ? queue_id_str(&s->cleanup.id) : STR(""));
    put(out, "instance", instance_of(s));
    put_number(out, "size", size_of(s));
    put(out, "etrn_domain", s->where == SMTP_CMD_ETRN ? j->etrn_domain : STR(""));
}

static void put_xtext(struct buf *out, const char *name, struct str value)
{
    BUF_AUTO(text, 0);

    xtext_encode(value, &text);
    put(out, name, buf_str(&text));
}

/* Names that nobody vouches for are no names. */
static void put_certificate(struct buf *out, const struct tls_facts *t)
{
    put_xtext(out, "ccert_subject", t->trusted ? t->peer_name : STR(""));
    put_xtext(out, "ccert_issuer", t->trusted ? t->issuer_name : STR(""));
    put(out, "ccert_fingerprint", t->fingerprint);
    put(out, "ccert_pubkey_fingerprint", t->key_fingerprint);
}

static void put_security(struct buf *out, const struct session *s)
{
    static const struct tls_facts plain;
    const struct tls_facts *t = s->tls ? s->tls : &plain;

    put(out, "sasl_method", s->login.method);
    put(out, "sasl_username", s->login.name);
    put(out, "sasl_sender", s->t.mail.auth);
    put_certificate(out, t);
    put(out, "encryption_protocol", t->protocol);
    put(out, "encryption_cipher", t->cipher);
    put_number(out, "encryption_keysize", t->bits);
    put(out, "tls_sni", t->sni);
}

static void put_request(struct buf *out, struct judge *j, struct str context)
{
    const struct session *s = j->s;

    put_client(out, s);
    put_message(out, j);
    put(out, "stress", conf_value(j->access->conf, STR("stress")));
    put_security(out, s);
    put(out, "policy_context", context);
    put(out, "compatibility_level", site_conf.compatibility_level);
    put(out, "mail_version", site_conf.mail_version);
}

/* ---- the answer ---- */

static enum outcome_kind apply(struct judge *j, const struct policy *policy, struct str action)
{
    j->entry_table = policy_server_name(policy->server);
    j->entry_key = STR("policy query");
    return actions_apply(j, action);
}

/* The word of the site for a server that is not there.  It may be another server; when that is away too, nobody is asked. */
static enum outcome_kind apply_default(struct judge *j, const struct policy *policy)
{
    enum outcome_kind result;

    if (j->in_default_action)
        return apply(j, policy, FALLBACK);
    j->in_default_action = true;
    result = policy->default_rules
                 ? rule_list_judge(j, policy->default_rules)
                 : apply(j, policy, policy_server_settings(policy->server)->default_action);
    j->in_default_action = false;
    return result;
}

static bool is_malformed(struct str action, struct str server)
{
    if (!site_conf.smtputf8_enable || utf8_is_valid(action))
        return false;
    BUF_AUTO(shown, ACTION_MAX);

    buf_add(&shown, action);
    utf8_make_printable(shown.ptr, shown.len);
    log_warning("malformed UTF-8 in policy server " STR_FMT " response: \"" STR_FMT "\"",
                STR_ARG(server), STR_ARG(buf_str(&shown)));
    return true;
}

static enum outcome_kind act_on(struct judge *j, const struct policy *policy, struct str action)
{
    struct str name = policy_server_name(policy->server);

    if (str_trim(action).len == 0) {
        log_warning("access table " STR_FMT " entry  has empty value", STR_ARG(name));
        return JUDGE_PERMIT;
    }
    return is_malformed(action, name) ? apply_default(j, policy) : apply(j, policy, action);
}

enum outcome_kind rule_check_policy_service(struct judge *j, const struct rule *rule)
{
    const struct policy *policy = rule->policy;
    BUF_AUTO(request, REQUEST_MAX);
    BUF_AUTO(action, ACTION_MAX);

    if (policy == NULL) {
        log_warning("restriction check_policy_service must be followed by transport:server");
        return judge_reject_text(j, 451, "4.3.5", "Server configuration error");
    }
    put_request(&request, j, policy_server_settings(policy->server)->context);
    if (request.full || !policy_server_ask(policy->server, buf_str(&request), &action) ||
        action.full)
        return apply_default(j, policy);
    return act_on(j, policy, arena_str(j->arena, buf_str(&action)));
}
