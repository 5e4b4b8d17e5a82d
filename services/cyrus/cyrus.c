/* cyrus - log clients in with Cyrus SASL, for an smtpd that has none of it in its own process.
 *
 * master(8) starts one such service for each smtpd of master.cf that uses it (smtpd_sasl_type = cyrus), with the same
 * settings and the same root directory.
 *
 * Runs as:   mail_owner with the groups that the site has put it into, inside the queue directory when smtpd is
 * Trusts:    main.cf, the configuration of Cyrus SASL, saslauthd and sasldb
 * Distrusts: what clients of smtpd send */
#include "ipc/messages/cyrus.h"

#include "base/base64.h"
#include "base/log.h"
#include "ipc/channel.h"
#include "service/service.h"
#include "services/cyrus/library.h"

#define DEFAULT_CONFIG_PATH "/etc/postfix/sasl"
#define CLIENT_TIMEOUT_S    600 /* as long as smtpd waits for its client, and longer */
#define BYTES_MAX           65536UL
#define ADDRESS_MAX         128

struct dialogue {
    struct channel channel;
    struct library_session *session;
    bool asked; /* a challenge waits for its response */
};

/* ---- answers ---- */

static bool send_verdict(struct dialogue *d, enum cyrus_kind kind, struct str text, struct str user)
{
    struct cyrus_verdict v = { .kind = (int)kind, .text = text, .user = user };
    BUF_AUTO(said, BYTES_MAX);

    library_take_warnings(&said);
    v.said = buf_str(&said);
    d->asked = kind == CYRUS_CHALLENGE;
    cyrus_verdict_encode(channel_begin(&d->channel, CYRUS_VERDICT), &v);
    return channel_end(&d->channel) && channel_flush(&d->channel);
}

static bool send_step(struct dialogue *d, const char *mechanism, struct str in)
{
    static const enum cyrus_kind kinds[] = { [LIBRARY_CHALLENGE] = CYRUS_CHALLENGE,
                                             [LIBRARY_SUCCESS] = CYRUS_SUCCESS,
                                             [LIBRARY_FAILURE] = CYRUS_FAILURE,
                                             [LIBRARY_TEMPORARY] = CYRUS_TEMPORARY };
    BUF_AUTO(out, BYTES_MAX);
    BUF_AUTO(challenge, 2 * BYTES_MAX);
    enum library_result result = library_step(d->session, mechanism, in, &out);

    if (result != LIBRARY_CHALLENGE)
        return send_verdict(d, kinds[result], buf_str(&out), library_user(d->session));
    base64_encode(&challenge, buf_str(&out));
    return send_verdict(d, CYRUS_CHALLENGE, buf_str(&challenge), STR(""));
}

static bool send_bad_base64(struct dialogue *d, struct str base64)
{
    BUF_AUTO(text, 256);

    library_bad_base64(base64, &text);
    return send_verdict(d, CYRUS_FAILURE, buf_str(&text), STR(""));
}

/* ---- questions ---- */

static const char *known(struct str address, char *room)
{
    return address.len && str_to_cstring(address, room, ADDRESS_MAX) ? room : NULL;
}

/* False: there is none, which has been logged. */
static bool begin_session(struct dialogue *d, const struct cyrus_session *s)
{
    char local[ADDRESS_MAX], remote[ADDRESS_MAX];
    struct str realm = smtpd_conf.smtpd_sasl_local_domain;
    struct library_settings settings = { .service = smtpd_conf.smtpd_sasl_service.ptr,
                                         .host = site_conf.myhostname.ptr,
                                         .realm = realm.len ? realm.ptr : NULL,
                                         .local = known(s->local, local),
                                         .remote = known(s->remote, remote),
                                         .policy = { .forbidden = (unsigned)s->forbidden,
                                                     .required = (unsigned)s->required } };
    BUF_AUTO(why, 256);

    library_end(d->session);
    d->session = library_begin(&settings, &why);
    if (d->session == NULL)
        log_warning("bad per-session SASL security properties: " STR_FMT, STR_ARG(buf_str(&why)));
    return d->session != NULL;
}

static void log_what_was_said(void)
{
    BUF_AUTO(said, BYTES_MAX);

    library_take_warnings(&said);
    for (struct str line, rest = buf_str(&said); rest.len;) {
        line = str_cut(&rest, '\n');
        log_warning(STR_FMT, STR_ARG(line));
    }
}

static bool answer_mechanisms(struct dialogue *d, struct str body)
{
    struct cyrus_session s;
    BUF_AUTO(list, BYTES_MAX);

    if (!cyrus_session_decode(&body, &s))
        return false;
    if (begin_session(d, &s))
        library_list(d->session, &list);
    log_what_was_said();
    if (d->session && list.len == 0)
        log_warning("xsasl_cyrus_server_get_mechanism_list: no applicable SASL mechanisms");
    cyrus_list_encode(channel_begin(&d->channel, CYRUS_LIST),
                      &(struct cyrus_list){ buf_str(&list) });
    return channel_end(&d->channel) && channel_flush(&d->channel);
}

/* RFC 4954: `=` is a response of no bytes. */
static bool decode(struct str base64, struct buf *out)
{
    return str_equal(base64, STR("=")) || base64_decode(out, base64);
}

static bool answer_begin(struct dialogue *d, struct str body)
{
    struct cyrus_session s;
    struct cyrus_begin b;
    char mechanism[SASL_MECHANISM_MAX + 1];
    BUF_AUTO(initial, BYTES_MAX);

    if (!cyrus_session_decode(&body, &s) || !cyrus_begin_decode(&body, &b) || !begin_session(d, &s))
        return false;
    if (!str_to_cstring(b.mechanism, mechanism, sizeof mechanism))
        return send_verdict(d, CYRUS_FAILURE, STR("no mechanism available"), STR(""));
    if (!b.has_initial)
        return send_step(d, mechanism, STR_NONE);
    buf_add(&initial, STR("")); /* a response of no bytes is there all the same */
    if (!decode(b.initial, &initial))
        return send_bad_base64(d, b.initial);
    return send_step(d, mechanism, initial.ptr ? buf_str(&initial) : STR(""));
}

static bool answer_response(struct dialogue *d, struct str body)
{
    struct cyrus_response r;
    BUF_AUTO(bytes, BYTES_MAX);

    if (!d->asked || !cyrus_response_decode(&body, &r))
        return false;
    if (!base64_decode(&bytes, r.response))
        return send_bad_base64(d, r.response);
    return send_step(d, NULL, bytes.ptr ? buf_str(&bytes) : STR(""));
}

static const struct {
    char kind;
    bool (*answer)(struct dialogue *d, struct str body);
} questions[] = {
    { CYRUS_MECHANISMS, answer_mechanisms },
    { CYRUS_BEGIN, answer_begin },
    { CYRUS_RESPONSE, answer_response },
};

/* False: the client breaks the protocol, or has gone. */
static bool answer(struct dialogue *d, char kind, struct str body)
{
    for (size_t i = 0; i < ARRAY_LEN(questions); i++)
        if (questions[i].kind == kind)
            return questions[i].answer(d, body);
    return false;
}

static void serve_client(struct service *svc, int fd)
{
    struct dialogue d = { .channel = CHANNEL_NONE };
    struct str body;
    char kind;

    (void)svc;
    channel_init(&d.channel, fd, CLIENT_TIMEOUT_S);
    while (channel_receive(&d.channel, &kind, &body) == IO_OK && answer(&d, kind, body))
        ;
    library_end(d.session);
    channel_release(&d.channel); /* the skeleton closes it */
}

/* ---- the process ---- */

/* The name of a file, wherever the site says it lies. */
static struct str application_name(void)
{
    struct str path = smtpd_conf.smtpd_sasl_path;
    size_t slash = str_rfind(path, '/');

    return slash == STR_NOT_FOUND ? path : str_skip(path, slash + 1);
}

static void open_library(struct service *svc)
{
    struct str path = conf_value(service_conf(svc), STR("cyrus_sasl_config_path"));
    BUF_AUTO(application, 256);
    BUF_AUTO(why, 256);

    buf_add(&application, application_name());
    if (!library_open(buf_cstr(&application), path.len ? path.ptr : DEFAULT_CONFIG_PATH, &why))
        log_fatal("SASL per-process initialization failed: " STR_FMT, STR_ARG(buf_str(&why)));
}

static const struct service_spec spec = {
    .name = "cyrus",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ &smtpd_param_set, NULL },
    .sandbox = SANDBOX_TABLES, /* sasldb, saslauthd, and what its plug-ins ask */
    .process_limit = -1,
    .keeps_groups = true,
    .before_jail = open_library,
    .serve = serve_client,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
