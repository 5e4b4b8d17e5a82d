/* Dovecot's auth server as a back-end: one connection for the life of the process. */
#include "base/log.h"
#include "ipc/connector.h"
#include "os/socket.h"
#include "sasl/dovecot.h"
#include "smtpd/auth_backend.h"

#include <unistd.h>

#define TIMEOUT_S   10 /* to connect, and for every read and write */
#define REQUEST_MAX (64UL * 1024)

static struct {
    int endpoint; /* the connector's number of it */
    struct stream stream;
    struct dovecot machine;
    struct buf out;
} server;

static void open_server(const struct setup *setup)
{
    BUF_AUTO(why, 512);

    server.stream = (struct stream)STREAM_NONE;
    server.out = BUF_INIT(REQUEST_MAX);
    dovecot_init(&server.machine);
    server.endpoint = connector_add(setup->connector, smtpd_conf.smtpd_sasl_path, &why);
    if (server.endpoint < 0)
        log_fatal("smtpd_sasl_path: " STR_FMT, STR_ARG(buf_str(&why)));
}

static bool is_connected(void) { return server.stream.fd >= 0; }

static bool send_out(void)
{
    bool sent = !server.out.full &&
                stream_write_all(&server.stream, buf_str(&server.out), DEADLINE_NEVER) == IO_OK;

    buf_clear(&server.out);
    return sent;
}

static void log_fault(const struct dovecot_event *ev)
{
    BUF_AUTO(text, 512);

    dovecot_format_fault(ev, &text);
    if (text.len)
        log_warning(STR_FMT, STR_ARG(buf_str(&text)));
}

/* False: the server has gone, or is not what it should be; the connection is closed. */
static bool hear(struct dovecot_event *ev)
{
    size_t room, got;

    while ((*ev = dovecot_next(&server.machine)).kind == DOVECOT_MORE) {
        char *at = dovecot_room(&server.machine, &room);
        if (stream_read(&server.stream, at, room, DEADLINE_NEVER, &got) != IO_OK)
            break;
        dovecot_filled(&server.machine, got);
    }
    log_fault(ev);
    if (ev->kind != DOVECOT_MORE && ev->kind != DOVECOT_BROKEN)
        return true;
    stream_close(&server.stream);
    return false;
}

static bool connect_server(const struct setup *setup)
{
    struct dovecot_event ev;
    BUF_AUTO(why, 512);

    stream_close(&server.stream);
    int fd = connector_connect(setup->connector, server.endpoint, TIMEOUT_S, &why);
    if (fd < 0) {
        log_warning("SASL: Connect to Dovecot auth socket '" STR_FMT "' failed: " STR_FMT,
                    STR_ARG(smtpd_conf.smtpd_sasl_path), STR_ARG(buf_str(&why)));
        return false;
    }
    (void)socket_set_timeout(fd, TIMEOUT_S);
    stream_init(&server.stream, fd, (int64_t)TIMEOUT_S * 1000);
    buf_clear(&server.out);
    dovecot_hello(&server.machine, getpid(), &server.out);
    return send_out() && hear(&ev);
}

static bool is_offered(const struct dovecot_mechanism *m, struct sasl_policy policy)
{
    return m && !(m->properties & SASL_PRIVATE) && sasl_policy_allows(policy, m->properties);
}

static bool list(struct session *s, struct sasl_policy policy, struct buf *mechanisms)
{
    const struct dovecot *d = &server.machine;

    if (!is_connected() && !connect_server(s->setup))
        return false;
    for (size_t i = 0; i < d->mechanism_count; i++)
        if (is_offered(&d->mechanisms[i], policy))
            buf_join(mechanisms, d->mechanisms[i].name, STR(" "));
    return true;
}

static struct auth_verdict failure(struct str text)
{
    return (struct auth_verdict){ .kind = AUTH_FAILURE, .text = text };
}

static struct auth_verdict temporary(struct str text)
{
    return (struct auth_verdict){ .kind = AUTH_TEMPORARY, .text = text };
}

static struct auth_verdict hear_verdict(void)
{
    static const enum auth_verdict_kind kinds[] = { [DOVECOT_CHALLENGE] = AUTH_CHALLENGE,
                                                    [DOVECOT_SUCCESS] = AUTH_SUCCESS,
                                                    [DOVECOT_FAILURE] = AUTH_FAILURE };
    struct dovecot_event ev;

    if (!hear(&ev))
        return temporary(STR("Connection lost to authentication server"));
    return (struct auth_verdict){ kinds[ev.kind], ev.text, ev.user };
}

static bool send_request(struct session *s, struct str mechanism, struct str initial)
{
    struct dovecot_request r = { .service = smtpd_conf.smtpd_sasl_service,
                                 .mechanism = mechanism,
                                 .server_address = s->peer.server_address,
                                 .client_address = s->peer.address,
                                 .secured = session_is_secured(s),
                                 .initial = initial };

    dovecot_request(&server.machine, &r, &server.out);
    return send_out();
}

static struct auth_verdict begin(struct session *s, struct sasl_policy policy, struct str mechanism,
                                 struct str initial)
{
    static struct buf text = BUF_INIT(200); /* as long as the verdict */

    if (!is_connected() && !connect_server(s->setup))
        return temporary(STR(""));
    if (!is_offered(dovecot_find(&server.machine, mechanism), policy)) {
        buf_clear(&text);
        buf_join(&text, STR("Invalid authentication mechanism: '"), str_sub(mechanism, 0, 100),
                 STR("'"));
        return failure(buf_str(&text));
    }
    if (!sasl_is_base64(initial))
        return failure(STR("Invalid base64 data in initial response"));
    /* The server may have been restarted since. */
    if (!send_request(s, mechanism, initial) &&
        !(connect_server(s->setup) && send_request(s, mechanism, initial))) {
        stream_close(&server.stream);
        return temporary(STR("Can't connect to authentication server"));
    }
    return hear_verdict();
}

static struct auth_verdict go_on(struct session *s, struct str response)
{
    (void)s;
    if (!sasl_is_base64(response))
        return failure(STR("Invalid base64 data in continued response"));
    dovecot_continue(&server.machine, response, &server.out);
    if (!is_connected() || !send_out()) {
        stream_close(&server.stream);
        return temporary(STR("Connection lost to authentication server"));
    }
    return hear_verdict();
}

const struct auth_backend auth_dovecot = {
    .type = STR("dovecot"),
    .open = open_server,
    .list = list,
    .begin = begin,
    .go_on = go_on,
};
