#include "smtp-client/login.h"

#include "base/base64.h"
#include "base/log.h"
#include "conf/params.h"
#include "rewrite/map.h"
#include "sasl/client.h"
#include "smtp-client/login_cache.h"
#include "smtp-client/token.h"
#include "smtp-client/wire.h"
#include "table/list.h"
#include "table/match.h"
#include "tls/tls.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#define ROUNDS_MAX   100
#define NONCE_BYTES  18
#define COMMAND_MAX  512 /* bytes of a command line, CRLF included */
#define PASSWORD_MAX 65536

static struct {
    struct table_list *passwords; /* NULL: this program logs in nowhere */
    struct match_list *mechanisms;
    struct rewriter *rewriter; /* for senders */
    struct sasl_policy plain, secured, verified;
    const struct digests *digests;
    bool lmtp;
} login;

/* ---- before the jail ---- */

static struct sasl_policy parse_policy(struct str words, const char *parameter)
{
    struct sasl_policy policy;
    struct str bad;

    if (!sasl_policy_parse(words, &policy, &bad))
        log_fatal("unknown %s value \"" STR_FMT "\" in \"" STR_FMT "\"", parameter, STR_ARG(bad),
                  STR_ARG(words));
    return policy;
}

static void open_policies(void)
{
    login.plain = parse_policy(smtp_conf.smtp_sasl_security_options, "smtp_sasl_security_options");
    login.secured =
        parse_policy(smtp_conf.smtp_sasl_tls_security_options, "smtp_sasl_tls_security_options");
    login.verified = parse_policy(smtp_conf.smtp_sasl_tls_verified_security_options,
                                  "smtp_sasl_tls_verified_security_options");
}

void login_open(struct conf *conf)
{
    if (!smtp_conf.smtp_sasl_auth_enable)
        return;
    login.lmtp = str_equal(conf_value(conf, STR("process_name")), STR("lmtp"));
    if (smtp_conf.smtp_sasl_password_maps.len == 0)
        log_fatal(
            "specify a password table via the `%s_sasl_password_maps' configuration parameter",
            login.lmtp ? "lmtp" : "smtp");
    if (!str_equal(smtp_conf.smtp_sasl_type, STR("cyrus"))) {
        log_warning("unsupported SASL client implementation: " STR_FMT,
                    STR_ARG(smtp_conf.smtp_sasl_type));
        log_fatal("SASL per-process initialization failed");
    }
    login.passwords = table_list_open(smtp_conf.smtp_sasl_password_maps, "smtp_sasl_password_maps",
                                      TABLE_DEFAULT);
    login.mechanisms =
        match_list_open(smtp_conf.smtp_sasl_mechanism_filter, "smtp_sasl_mechanism_filter", 0);
    if (smtp_conf.smtp_sender_dependent_authentication && !login.lmtp)
        login.rewriter = rewrite_open(conf, site_conf.rewrite_service_name);
    login.digests = tls_digests();
    open_policies();
    login_cache_open(login.digests);
}

/* ---- the password ---- */

static enum table_result find_by_sender(struct str sender, struct buf *value)
{
    if (login.rewriter == NULL || sender.len == 0)
        return TABLE_NOT_FOUND;
    struct address_walk walk = rewrite_address_walk(login.rewriter, ADDRESS_KEYS_REWRITE);
    return table_list_lookup_address(login.passwords, sender, &walk, value, NULL);
}

static enum table_result find_password(const struct delivery *d, struct str host,
                                       struct str destination, struct buf *value)
{
    enum table_result found = find_by_sender(d->request.sender, value);

    if (found == TABLE_NOT_FOUND)
        found = table_list_lookup(login.passwords, host, value);
    if (found == TABLE_NOT_FOUND)
        found = table_list_lookup(login.passwords, destination, value);
    return found;
}

bool login_is_wanted(struct delivery *d, struct str host, struct str destination)
{
    BUF_AUTO(value, PASSWORD_MAX);

    return login.passwords && find_password(d, host, destination, &value) != TABLE_NOT_FOUND;
}

/* `user:password`; without a delimiter there is no password. */
static void split_credentials(struct str value, struct sasl_credentials *who)
{
    struct str delimiter = smtp_conf.smtp_sasl_password_result_delimiter;
    size_t at = str_find_str(value, delimiter);

    who->user = str_sub(value, 0, at);
    who->password = at == STR_NOT_FOUND ? STR("") : str_skip(value, at + delimiter.len);
    who->authzid = site_conf.send_cyrus_sasl_authzid ? who->user : STR("");
}

/* ---- the mechanism ---- */

static void filter_offer(const struct client_session *s, struct buf *out)
{
    struct str offer = buf_str(&s->dialogue.offer.auth), rest = offer, name;

    while (str_token(&rest, " ", &name))
        if (match_list_is_empty(login.mechanisms) ||
            match_string(login.mechanisms, name) == MATCH_YES)
            buf_join(out, out->len ? STR(" ") : STR(""), name);
    if (offer.len == 0)
        log_warning(STR_FMT " offered null AUTH mechanism list", STR_ARG(s->relay));
    else if (out->len == 0)
        log_warning(STR_FMT " offered no supported AUTH mechanisms: '" STR_FMT "'",
                    STR_ARG(s->relay), STR_ARG(offer));
}

static struct sasl_policy policy_of(const struct client_session *s)
{
    if (s->tls == NULL)
        return login.plain;
    return s->tls->matched ? login.verified : login.secured;
}

/* A password is no access token: a site says by name that its table has such. */
static bool uses_tokens(void)
{
    struct str filter = smtp_conf.smtp_sasl_mechanism_filter;

    return str_has_word(filter, STR("xoauth2")) || str_has_word(filter, STR("oauthbearer"));
}

/* ---- the exchange ---- */

struct exchange {
    struct client_session *session;
    struct delivery *d;
    struct fault *fault;
    struct sasl_client client;
    struct buf pending; /* base64 of the first response, when it did not fit into the command */
    bool has_pending;
    int rounds;
    bool failed; /* `fault` is known; what the server says now does not matter */
};

static void fail(struct exchange *x, const char *dsn, const char *why)
{
    fault_set(x->fault, &x->d->arena, dsn, false, "SASL authentication failed; %s server " STR_FMT,
              why, STR_ARG(x->session->shown));
    x->failed = true;
}

static void fail_locally(struct exchange *x, const char *why)
{
    fault_set(x->fault, &x->d->arena, "4.7.0", false,
              "SASL authentication failed; cannot authenticate to server " STR_FMT ": %s",
              STR_ARG(x->session->shown), why);
    x->failed = true;
}

static void begin(struct exchange *x)
{
    struct str name = sasl_client_name(x->client.mechanism);
    BUF_AUTO(response, SASL_TEXT_MAX);
    bool has_first = sasl_client_first(&x->client, &response);

    base64_encode(&x->pending, buf_str(&response));
    struct str text = x->pending.len ? buf_str(&x->pending) : STR("=");
    bool fits = sizeof "AUTH " - 1 + name.len + 1 + text.len + 2 <= COMMAND_MAX;
    x->has_pending = has_first && !fits;
    smtp_client_auth(&x->session->dialogue, name, has_first && fits ? text : STR_NONE);
}

static bool make_response(struct exchange *x, struct str challenge, struct buf *out)
{
    BUF_AUTO(bytes, SASL_TEXT_MAX);
    BUF_AUTO(response, SASL_TEXT_MAX);

    if (!base64_decode(&bytes, challenge) ||
        !sasl_client_respond(&x->client, buf_str(&bytes), &response))
        return false;
    base64_encode(out, buf_str(&response));
    return true;
}

static void send_pending(struct exchange *x, struct str challenge)
{
    x->has_pending = false;
    if (challenge.len == 0) {
        smtp_client_auth_respond(&x->session->dialogue, buf_str(&x->pending));
        return;
    }
    struct str name = sasl_client_name(x->client.mechanism);
    fault_set(x->fault, &x->d->arena, "4.7.0", false,
              "SASL authentication failed; non-empty initial " STR_FMT
              " challenge from server " STR_FMT ": " STR_FMT,
              STR_ARG(name), STR_ARG(x->session->shown), STR_ARG(challenge));
    x->failed = true;
    smtp_client_auth_cancel(&x->session->dialogue);
}

static void answer_challenge(struct exchange *x, struct str challenge)
{
    BUF_AUTO(response, 2 * SASL_TEXT_MAX);

    if (x->has_pending) {
        send_pending(x, challenge);
        return;
    }
    if (++x->rounds > ROUNDS_MAX)
        fail(x, "4.3.0", "authentication protocol loop with");
    else if (!make_response(x, challenge, &response))
        fail_locally(x, "bad protocol / cancel");
    if (x->failed)
        smtp_client_auth_cancel(&x->session->dialogue);
    else
        smtp_client_auth_respond(&x->session->dialogue, buf_str(&response));
}

static void note_refusal(struct exchange *x, const struct smtp_answer *answer)
{
    struct str said = fault_one_line(&x->d->arena, answer->all);
    struct str status = answer->status;
    bool permanent = !smtp_conf.smtp_sasl_auth_soft_bounce && fault_is_permanent(answer);
    char dsn[16];

    if (answer->code == 535)
        login_cache_store(x->session->name, x->client.credentials, status, said);
    (void)snprintf(dsn, sizeof dsn, STR_FMT, STR_ARG(status));
    if (!permanent)
        dsn[0] = '4';
    fault_set(x->fault, &x->d->arena, dsn, permanent,
              "SASL authentication failed; server " STR_FMT " said: " STR_FMT,
              STR_ARG(x->session->shown), STR_ARG(said));
    x->failed = true;
}

/* False: the exchange is over. */
static bool hear(struct exchange *x, const struct smtp_answer *answer)
{
    if (answer->code == 334 && !x->failed) {
        answer_challenge(x, str_trim(answer->message));
        return true;
    }
    if (answer->code == 334) { /* to our `*`: there is no sense in it */
        x->session->lost = true;
        return false;
    }
    if (x->failed)
        return false;
    if (smtp_class_of(answer->code) != SMTP_YES)
        note_refusal(x, answer);
    else if (!sasl_client_is_content(&x->client))
        fail_locally(x, "the server does not prove who it is");
    return false;
}

static void converse(struct exchange *x)
{
    struct client_session *s = x->session;

    for (;;) {
        struct smtp_client_event ev = session_next(s);
        switch (ev.kind) {
        case SMTP_CLIENT_NEED_INPUT:
        case SMTP_CLIENT_FLUSH:
            if (session_serve(s, &ev))
                break;
            s->lost = x->failed = true;
            fault_from_loss(x->fault, &x->d->arena, s->shown, ev.step, errno);
            return;
        case SMTP_CLIENT_AUTH:
            if (!hear(x, &ev.answer))
                return;
            break;
        default: /* nonsense without end */
            s->lost = x->failed = true;
            fault_from_loss(x->fault, &x->d->arena, s->shown, ev.step, EPROTO);
            return;
        }
    }
}

static bool make_nonce(struct buf *out)
{
    char raw[NONCE_BYTES];

    if (getrandom(raw, sizeof raw, 0) != sizeof raw)
        return false;
    base64_encode(out, (struct str){ raw, sizeof raw });
    return true;
}

static bool exchange(struct exchange *x, const struct sasl_client_mechanism *m,
                     const struct sasl_credentials *who)
{
    x->pending = BUF_INIT(2 * SASL_TEXT_MAX);
    sasl_client_init(&x->client, m, who);
    begin(x);
    converse(x);
    sasl_client_fini(&x->client);
    buf_free(&x->pending);
    return !x->failed;
}

static bool log_in(struct exchange *x, struct sasl_credentials *who, struct str offer)
{
    struct client_session *s = x->session;
    const struct sasl_client_mechanism *m = sasl_client_choose(offer, policy_of(s), uses_tokens());
    BUF_AUTO(nonce, 64);
    BUF_AUTO(token, PASSWORD_MAX);
    BUF_AUTO(why, 512);

    if (m == NULL) {
        log_warning("SASL authentication failure: No worthy mechs found");
        fail_locally(x, "no mechanism available");
        return false;
    }
    if (sasl_client_takes_token(m)) {
        if (!token_find(who->password, &token, &why)) {
            fail_locally(x, buf_cstr(&why));
            return false;
        }
        who->password = buf_str(&token);
    }
    if (login_cache_recalls(s->name, who, x->d, x->fault))
        return false;
    if (!make_nonce(&nonce)) {
        fail_locally(x, "no random numbers");
        return false;
    }
    who->host = s->name;
    who->port = s->port;
    who->nonce = buf_str(&nonce);
    who->digests = login.digests;
    return exchange(x, m, who);
}

bool login_run(struct client_session *s, struct delivery *d, struct str destination,
               struct fault *fault)
{
    struct exchange x = { .session = s, .d = d, .fault = fault };
    struct sasl_credentials who = { .port = 0 };
    BUF_AUTO(offer, 0);
    BUF_AUTO(value, PASSWORD_MAX);

    if (login.passwords == NULL || !(s->dialogue.offer.extensions & SMTP_EXT_AUTH))
        return true;
    filter_offer(s, &offer);
    switch (find_password(d, s->name, destination, &value)) {
    case TABLE_NOT_FOUND:
        return true;
    case TABLE_ERROR:
        log_warning(STR_FMT ": smtp_sasl_password_maps lookup error", STR_ARG(d->request.queue_id));
        fault_set(fault, &d->arena, "4.3.0", false, "local data error while talking to " STR_FMT,
                  STR_ARG(s->shown));
        return false;
    case TABLE_FOUND:
        break;
    }
    if (offer.len == 0) {
        fault_set(fault, &d->arena, "4.7.0", false,
                  "SASL authentication failed: server " STR_FMT
                  " offered no compatible authentication mechanisms for this type of "
                  "connection security",
                  STR_ARG(s->shown));
        return false;
    }
    split_credentials(buf_str(&value), &who);
    return log_in(&x, &who, buf_str(&offer));
}
