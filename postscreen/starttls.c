#include "postscreen/starttls.h"

#include "base/log.h"
#include "ipc/channel.h"
#include "ipc/courier.h"
#include "ipc/messages/tlsproxy.h"
#include "os/fd.h"
#include "postscreen/client.h"
#include "postscreen/talk.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define ANSWER_MAX     256
#define ANSWER_LIMIT_S 10

/* `what` went wrong with the service; the client goes on in plain text. */
static bool fail(struct client *c, const char *what, const char *why)
{
    log_warning("%s private/" STR_FMT " service%s%s", what,
                STR_ARG(tlsproxy_conf.tlsproxy_service_name), why ? ": " : "", why ? why : "");
    if (c->carrier >= 0)
        loop_unwatch(c->screen->loop, c->carrier);
    fd_close(&c->carrier);
    client_stop_waiting(c);
    return client_say(
        c, (struct smtp_reply){ 454, STR("4.7.0 TLS not available due to local problem") });
}

static void go_on_in_plain(struct client *c, const char *what)
{
    if (fail(c, what, NULL))
        talk_go_on(c);
}

/* From now on the proxy's end is all that we have of the client. */
static void change_over(struct client *c)
{
    loop_unwatch(c->screen->loop, c->carrier);
    fd_close(&c->fd);
    c->fd = c->carrier;
    c->carrier = -1;
    dialogue_secured(c->dialogue);
    talk_go_on(c);
}

static void give_away(struct client *c)
{
    if (!client_say(c, (struct smtp_reply){ 220, STR("2.0.0 Ready to start TLS") }))
        return;
    if (fd_send(c->carrier, c->fd, MSG_DONTWAIT)) {
        change_over(c);
        return;
    }
    log_warning("problem sending file handle to private/" STR_FMT " service",
                STR_ARG(tlsproxy_conf.tlsproxy_service_name));
    client_hang_up(c); /* it shakes hands already, and nobody is there */
}

static bool is_ready(struct str in)
{
    struct tlsproxy_answer answer;
    struct str body;
    bool bad = false;
    char kind;

    return channel_split(&in, &kind, &body, &bad) && kind == TLSPROXY_ANSWER &&
           tlsproxy_answer_decode(&body, &answer) && answer.ready;
}

static void on_answer(void *context, int fd, uint32_t events)
{
    struct client *c = context;
    char bytes[ANSWER_MAX];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    client_stop_waiting(c);
    if (n > 0 && is_ready((struct str){ bytes, (size_t)n }))
        give_away(c);
    else
        go_on_in_plain(c, "problem receiving status from");
}

static void on_late(void *context)
{
    struct client *c = context;

    c->timer = NULL;
    go_on_in_plain(c, "timeout receiving status from");
}

bool starttls(struct client *c)
{
    struct tlsproxy_request request = {
        .peer = str_from(c->shown),
        .service = smtpd_conf.smtpd_service_name,
        .door = service_name(c->screen->svc),
        .timeout_s = postscreen_conf.postscreen_starttls_timeout,
    };
    BUF_AUTO(body, 0);
    BUF_AUTO(frame, 0);

    c->carrier = courier_open(tlsproxy_conf.tlsproxy_service_name);
    if (c->carrier < 0)
        return fail(c, "connect to", strerror(errno));
    tlsproxy_request_encode(&body, &request);
    if (!channel_frame(&frame, TLSPROXY_REQUEST, buf_str(&body)) ||
        send(c->carrier, frame.ptr, frame.len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)frame.len)
        return fail(c, "error sending request to", strerror(errno));
    client_unwatch(c);
    loop_watch(c->screen->loop, c->carrier, EPOLLIN, on_answer, c);
    client_wait(c, (int64_t)ANSWER_LIMIT_S * 1000, on_late);
    return false;
}
