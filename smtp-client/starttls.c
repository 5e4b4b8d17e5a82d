#include "smtp-client/starttls.h"

#include "base/log.h"
#include "client/tls_maps.h"
#include "client/tlsmgr.h"
#include "conf/params.h"
#include "nexthop/tls_policy.h"
#include "os/watch.h"
#include "smtp-client/tlsrpt.h"

static struct {
    struct service *svc;
    const char *side;          /* "smtp" or "lmtp": what parameters are called */
    struct tls_engine *engine; /* NULL: there is none */
    struct tls_log_maps log;
    struct watch files; /* that the engine was made of */
} tls = { .files = WATCH_NONE };

/* ---- the process ---- */

static unsigned read_log_level(void)
{
    BUF_AUTO(name, 64);

    buf_join(&name, str_from(tls.side), STR("_tls_loglevel"));
    return tls_log_parse(buf_cstr(&name), smtp_tls_conf.smtp_tls_loglevel);
}

static void open_engine(void)
{
    struct tls_client_settings settings = { .s = TLS_SETTINGS(smtp, smtp_tls_conf),
                                            .verify_depth =
                                                smtp_tls_conf.smtp_tls_scert_verifydepth };
    int lifetime_s; /* tlsmgr keeps it */

    settings.s.prefix = tls.side;
    settings.s.log = tls.log.otherwise;
    if (tls_has_certificate(&settings.s))
        settings.s.signer = tlsmgr_signer();
    tls_watch_files(&settings.s, STR_NONE, &tls.files);
    if (smtp_tls_conf.smtp_tls_session_cache_database.len &&
        !tlsmgr_open_cache(tls.side, &settings.store, &lifetime_s))
        log_warning("tlsmgr cannot be asked: no TLS session is resumed");
    tls.engine = tls_client_open(&settings);
}

unsigned starttls_open(struct service *svc, bool lmtp)
{
    if (!tls_policy_may_want_tls())
        return 0;
    tls.svc = svc;
    tls.side = lmtp ? "lmtp" : "smtp";
    tls.log = tls_log_maps_open(smtp_tls_conf.smtp_tls_loglevel_maps,
                                lmtp ? "lmtp_tls_loglevel_maps" : "smtp_tls_loglevel_maps",
                                read_log_level());
    open_engine();
    return tls.log.otherwise;
}

struct str starttls_files_changed(void) { return watch_changed(&tls.files); }

/* ---- the handshake ---- */

/* Sessions are for one service, destination, server and level. */
static struct str session_id(const struct client_session *s, const struct tls_policy *p,
                             struct arena *a)
{
    BUF_AUTO(id, 0);

    buf_join(&id, service_name(tls.svc), STR("&"), s->nexthop, STR("&"), s->name, STR("&"),
             s->address);
    buf_addf(&id, "&%d&", (int)p->level);
    return arena_str(a, buf_str(&id));
}

static struct tls_client_wish wish_of(const struct client_session *s, const struct tls_policy *p,
                                      struct arena *a)
{
    int timeout = smtp_conf.smtp_starttls_timeout;

    struct tls_client_wish wish = {
        .peer = s->relay,
        .log = tls_log_maps_find(&tls.log, s->name, s->address),
        .until = timeout ? deadline_in(timeout) : DEADLINE_NEVER,
        .end_ms = (int64_t)timeout * 1000,
        .session = session_id(s, p, a),
        .helo = smtp_conf.smtp_helo_name,
    };

    tls_policy_wish(p, &wish);
    return wish;
}

static bool not_started(struct client_session *s, struct arena *a, struct fault *fault)
{
    s->lost = true;
    fault_set(fault, a, "4.7.5", false, "Cannot start TLS: handshake failure");
    fault->handshake = true;
    return false;
}

/* Records that nobody can use leave TLS mandatory, without saying who the server must be. */
static void note_level(struct client_session *s, const struct tls_policy *p)
{
    bool fell_back = s->tls->unusable && (p->level == TLS_DANE || p->level == TLS_HALF_DANE);

    s->tls_status.state = TLS_DECIDED;
    s->tls_status.got = fell_back ? TLS_ENCRYPT : p->level;
}

static bool is_right_server(struct client_session *s, enum requiretls requiretls, struct arena *a,
                            struct fault *fault)
{
    bool must_match = tls_level_matches(s->tls_status.got);

    if (s->tls->matched || !(must_match || requiretls == REQUIRETLS_ENFORCE))
        return true;
    s->tls_status.state = must_match ? TLS_VIOLATED : TLS_DECIDED;
    if (requiretls == REQUIRETLS_ENFORCE)
        requiretls_fail(REQUIRETLS_NO_MATCH, &s->tls_status, a, fault,
                        "Sender requested REQUIRETLS, but no %s server certificate was found. The "
                        "last attempted server was " STR_FMT,
                        s->tls->trusted ? "matching" : "trusted", STR_ARG(s->shown));
    else
        fault_set(fault, a, "4.7.5", false, "Server certificate not verified");
    return false;
}

static bool shake_hands(struct client_session *s, const struct session_purpose *purpose,
                        struct arena *a, struct fault *fault)
{
    const struct tls_policy *p = purpose->tls;
    struct tls_client_wish wish = wish_of(s, p, a);

    s->tls = tls_connect(tls.engine, &s->stream, &wish);
    if (s->tls == NULL) {
        tlsrpt_failure(s, purpose, TLSRPT_VALIDATION_FAILURE, STR("tls-handshake-failure"));
        return not_started(s, a, fault);
    }
    smtp_client_secured(&s->dialogue);
    note_level(s, p);
    tlsrpt_handshake(s, purpose);
    return is_right_server(s, purpose->requiretls, a, fault);
}

/* ---- the dialogue ---- */

static enum starttls_step stay_plain(struct client_session *s)
{
    s->tls_status.state = TLS_DECIDED;
    s->tls_status.got = TLS_NONE;
    return STARTTLS_PLAIN;
}

static bool is_mandatory(const struct session_purpose *purpose)
{
    return tls_level_is_mandatory(purpose->tls->level) || requiretls_needs_tls(purpose->requiretls);
}

static bool has_engine(const struct session_purpose *purpose, struct arena *a, struct fault *fault)
{
    if (tls.engine == NULL && is_mandatory(purpose))
        fault_set(fault, a, "4.7.5", false, "TLS is required, but our TLS engine is unavailable");
    return tls.engine != NULL;
}

static void violate(struct client_session *s, const struct session_purpose *purpose)
{
    bool violated = tls_level_is_mandatory(purpose->tls->level);

    s->tls_status.state = violated ? TLS_VIOLATED : TLS_DECIDED;
    s->tls_status.got = TLS_NONE;
}

static enum starttls_step not_offered(struct client_session *s,
                                      const struct session_purpose *purpose, struct arena *a,
                                      struct fault *fault)
{
    if (!is_mandatory(purpose))
        return stay_plain(s);
    violate(s, purpose);
    tlsrpt_failure(s, purpose, TLSRPT_STARTTLS_NOT_SUPPORTED, STR_NONE);
    if (requiretls_needs_tls(purpose->requiretls))
        requiretls_fail(
            REQUIRETLS_NOT_OFFERED, &s->tls_status, a, fault,
            "Sender requested REQUIRETLS, but TLS service was not offered by host " STR_FMT,
            STR_ARG(s->shown));
    else
        fault_set(fault, a, "4.7.4", false, "TLS is required, but was not offered by host " STR_FMT,
                  STR_ARG(s->shown));
    return STARTTLS_REFUSED;
}

static void note_offer(const struct client_session *s, bool offered)
{
    if (offered && smtp_tls_conf.smtp_tls_note_starttls_offer)
        log_info("Host offered STARTTLS: [" STR_FMT "]", STR_ARG(s->name));
}

enum starttls_step starttls_begin(struct client_session *s, const struct session_purpose *purpose,
                                  struct arena *a, struct fault *fault)
{
    const struct tls_policy *p = purpose->tls;
    bool offered = s->dialogue.offer.extensions & SMTP_EXT_STARTTLS;

    if (s->tls || s->starttls_refused)
        return STARTTLS_PLAIN;
    if (p->level == TLS_NONE)
        note_offer(s, offered);
    if (p->level == TLS_NONE || purpose->plain)
        return stay_plain(s);
    if (!offered)
        return not_offered(s, purpose, a, fault);
    if (!has_engine(purpose, a, fault))
        return is_mandatory(purpose) ? STARTTLS_REFUSED : stay_plain(s);
    smtp_client_starttls(&s->dialogue);
    return STARTTLS_ASKED;
}

bool starttls_answered(struct client_session *s, const struct session_purpose *purpose,
                       const struct smtp_answer *answer, struct arena *a, struct fault *fault)
{
    if (answer->code == 220)
        return shake_hands(s, purpose, a, fault);
    s->starttls_refused = true;
    tlsrpt_failure(s, purpose, TLSRPT_STARTTLS_NOT_SUPPORTED, STR_NONE);
    if (!is_mandatory(purpose)) {
        (void)stay_plain(s);
        return true;
    }
    violate(s, purpose);
    if (requiretls_needs_tls(purpose->requiretls))
        requiretls_fail(REQUIRETLS_REFUSED, &s->tls_status, a, fault,
                        "Sender requested REQUIRETLS, but host " STR_FMT
                        " refused to start TLS: " STR_FMT,
                        STR_ARG(s->shown), STR_ARG(fault_one_line(a, answer->text)));
    else
        fault_from_starttls(fault, a, s->shown, answer);
    fault->server = arena_str(a, s->name);
    return false;
}

bool starttls_wrap(struct client_session *s, const struct session_purpose *purpose, struct arena *a,
                   struct fault *fault)
{
    return has_engine(purpose, a, fault) && shake_hands(s, purpose, a, fault);
}

/* ---- reuse ---- */

static const char *trust_in(const struct client_session *s)
{
    if (!s->tls->has_certificate)
        return "Anonymous";
    if (s->tls->matched && s->tls_status.got != TLS_HALF_DANE)
        return "Verified";
    return s->tls->trusted ? "Trusted" : "Untrusted";
}

void starttls_note_reuse(const struct client_session *s)
{
    BUF_AUTO(facts, 1024);

    if (s->tls == NULL || !(tls_log_maps_find(&tls.log, s->name, s->address) & TLS_LOG_SUMMARY))
        return;
    tls_format_facts(s->tls, &facts);
    log_info("%s TLS connection reused to " STR_FMT ": " STR_FMT, trust_in(s), STR_ARG(s->relay),
             STR_ARG(buf_str(&facts)));
}
