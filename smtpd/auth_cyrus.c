/* Cyrus SASL as a back-end: cyrus(8), one process for each login under way. */
#include "base/log.h"
#include "base/number.h"
#include "ipc/channel.h"
#include "ipc/messages/cyrus.h"
#include "smtpd/auth_backend.h"

#include <errno.h>

#define TIMEOUT_S 100 /* PAM modules take their time */

static struct {
    struct channel channel; /* open while a login is under way */
    struct str service;     /* its name below "private" */
} server = { .channel = CHANNEL_NONE };

static void open_server(const struct setup *setup)
{
    static struct buf name; /* as long as the process */

    buf_join(&name, STR("cyrus-"), service_name(setup->svc));
    server.service = buf_str(&name);
}

static void hang_up(void)
{
    if (channel_is_open(&server.channel))
        channel_close(&server.channel);
}

static bool call(void)
{
    hang_up();
    if (channel_open(&server.channel, "private", server.service, TIMEOUT_S))
        return true;
    log_warning("connect to private/" STR_FMT ": %s", STR_ARG(server.service), strerror(errno));
    return false;
}

/* "ADDRESS;PORT", or nothing where one of them is not known. */
static void put_end(struct buf *out, struct str address, struct str port)
{
    int64_t number;

    if (number_parse_range(port, 1, 65535, &number) && address.len)
        buf_join(out, address, STR(";"), port);
}

static void put_session(struct session *s, struct sasl_policy policy, struct buf *out)
{
    const struct peer *p = &s->peer;
    BUF_AUTO(local, 0);
    BUF_AUTO(remote, 0);

    put_end(&local, p->server_address, p->server_port);
    put_end(&remote, p->address, p->port);
    bool both = local.len && remote.len;
    cyrus_session_encode(out,
                         &(struct cyrus_session){ .forbidden = (int)policy.forbidden,
                                                  .required = (int)policy.required,
                                                  .local = both ? buf_str(&local) : STR(""),
                                                  .remote = both ? buf_str(&remote) : STR("") });
}

static bool hear(char wanted, struct str *body)
{
    char kind;

    return channel_end(&server.channel) && channel_flush(&server.channel) &&
           channel_receive(&server.channel, &kind, body) == IO_OK && kind == wanted;
}

static bool ask_list(struct session *s, struct sasl_policy policy, struct buf *mechanisms)
{
    struct cyrus_list answer;
    struct str body;

    if (!call())
        return false;
    put_session(s, policy, channel_begin(&server.channel, CYRUS_MECHANISMS));
    bool heard = hear(CYRUS_LIST, &body) && cyrus_list_decode(&body, &answer);
    if (heard)
        buf_add(mechanisms, answer.mechanisms);
    hang_up();
    return heard;
}

/* The list is a matter of what is installed: asked once without TLS, and once with it. */
static bool list(struct session *s, struct sasl_policy policy, struct buf *mechanisms)
{
    static struct buf known[2]; /* as long as the process */
    struct buf *mine = &known[session_is_secured(s)];

    if (mine->len == 0 && !ask_list(s, policy, mine))
        return false;
    buf_add(mechanisms, buf_str(mine));
    return true;
}

static void log_lines(struct str lines)
{
    while (lines.len) {
        struct str line = str_cut(&lines, '\n');
        log_warning(STR_FMT, STR_ARG(line));
    }
}

/* The verdict's texts lie in the channel's buffer, which must outlive it. */
static struct auth_verdict hear_verdict(void)
{
    static const enum auth_verdict_kind kinds[] = { [CYRUS_CHALLENGE] = AUTH_CHALLENGE,
                                                    [CYRUS_SUCCESS] = AUTH_SUCCESS,
                                                    [CYRUS_FAILURE] = AUTH_FAILURE,
                                                    [CYRUS_TEMPORARY] = AUTH_TEMPORARY };
    struct cyrus_verdict v;
    struct str body;

    if (hear(CYRUS_VERDICT, &body) && cyrus_verdict_decode(&body, &v) && v.kind >= 0 &&
        v.kind < (int)ARRAY_LEN(kinds)) {
        log_lines(v.said);
        return (struct auth_verdict){ kinds[v.kind], v.text, v.user };
    }
    hang_up();
    return (struct auth_verdict){ .kind = AUTH_TEMPORARY, .text = STR("generic failure") };
}

static struct auth_verdict begin(struct session *s, struct sasl_policy policy, struct str mechanism,
                                 struct str initial)
{
    if (!call())
        return (struct auth_verdict){ .kind = AUTH_TEMPORARY, .text = STR("generic failure") };
    struct buf *out = channel_begin(&server.channel, CYRUS_BEGIN);
    put_session(s, policy, out);
    cyrus_begin_encode(out, &(struct cyrus_begin){ .mechanism = mechanism,
                                                   .has_initial = initial.ptr != NULL,
                                                   .initial = initial });
    return hear_verdict();
}

static struct auth_verdict go_on(struct session *s, struct str response)
{
    (void)s;
    if (!channel_is_open(&server.channel))
        return (struct auth_verdict){ .kind = AUTH_TEMPORARY, .text = STR("generic failure") };
    cyrus_response_encode(channel_begin(&server.channel, CYRUS_RESPONSE),
                          &(struct cyrus_response){ response });
    return hear_verdict();
}

const struct auth_backend auth_cyrus = {
    .type = STR("cyrus"),
    .open = open_server,
    .list = list,
    .begin = begin,
    .go_on = go_on,
    .end = hang_up,
};
