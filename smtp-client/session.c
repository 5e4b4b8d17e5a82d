#include "smtp-client/session.h"

#include "base/log.h"
#include "conf/params.h"
#include "os/fd.h"
#include "os/socket.h"
#include "table/list.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int step_timeout(enum smtp_step step)
{
    switch (step) {
    case SMTP_STEP_STARTTLS:
        return smtp_conf.smtp_starttls_timeout;
    case SMTP_STEP_XFORWARD_NAME_ADDR:
    case SMTP_STEP_XFORWARD_PROTO_HELO:
        return smtp_conf.smtp_xforward_timeout;
    case SMTP_STEP_MAIL:
    case SMTP_STEP_AUTH:
        return smtp_conf.smtp_mail_timeout;
    case SMTP_STEP_RCPT:
        return smtp_conf.smtp_rcpt_timeout;
    case SMTP_STEP_DATA:
        return smtp_conf.smtp_data_init_timeout;
    case SMTP_STEP_BODY:
        return smtp_conf.smtp_data_xfer_timeout;
    case SMTP_STEP_DOT:
        return smtp_conf.smtp_data_done_timeout;
    case SMTP_STEP_RSET:
    case SMTP_STEP_RSET_PROBE:
        return smtp_conf.smtp_rset_timeout;
    case SMTP_STEP_QUIT:
        return smtp_conf.smtp_quit_timeout;
    default:
        return smtp_conf.smtp_helo_timeout;
    }
}

/* The kernel keeps the limit; it is told only when the next step's differs. */
static void set_receive_timeout(struct client_session *s, enum smtp_step step)
{
    struct timeval t = { .tv_sec = step_timeout(step) };

    if (s->receive_timeout_s == t.tv_sec)
        return;
    s->receive_timeout_s = (int)t.tv_sec;
    (void)setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
}

bool session_flush(struct client_session *s)
{
    struct str out = buf_str(&s->dialogue.out);

    while (out.len) {
        ssize_t n = send(s->fd, out.ptr, out.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        out = str_skip(out, (size_t)n);
    }
    smtp_client_sent(&s->dialogue);
    return true;
}

bool session_fill(struct client_session *s, enum smtp_step step)
{
    size_t room;
    char *at = smtp_client_room(&s->dialogue, &room);

    if (!session_flush(s))
        return false;
    set_receive_timeout(s, step);
    for (;;) {
        ssize_t n = recv(s->fd, at, room, 0);
        if (n > 0) {
            smtp_client_filled(&s->dialogue, (size_t)n);
            return true;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ECONNRESET;
        return false;
    }
}

static void set_fault(struct session_fault *f, const char *dsn, bool permanent, struct str text)
{
    *f = (struct session_fault){ .text = text, .permanent = permanent };
    snprintf(f->dsn, sizeof f->dsn, "%s", dsn);
}

void session_describe_loss(const struct client_session *s, enum smtp_step step, struct arena *a,
                           struct session_fault *fault)
{
    bool timeout = errno == EAGAIN || errno == EWOULDBLOCK || errno == ETIMEDOUT;
    BUF_AUTO(text, 1024);

    if (timeout)
        buf_join(&text, STR("conversation with "), s->shown, STR(" timed out while "), smtp_step_doing(step));
    else
        buf_join(&text, STR("lost connection with "), s->shown, STR(" while "), smtp_step_doing(step));
    set_fault(fault, "4.4.2", false, arena_str(a, buf_str(&text)));
}

struct str session_said(const struct client_session *s, const struct smtp_answer *answer, enum smtp_step step,
                        struct arena *a)
{
    BUF_AUTO(text, 8192);

    buf_join(&text, STR("host "), s->shown, STR(" said: "), answer->text, STR(" (in reply to "),
             smtp_step_command(step), STR(")"));
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\n')
            text.ptr[i] = ' ';
    return arena_str(a, buf_str(&text));
}

static int bind_source(int fd, int family)
{
    struct str text = family == AF_INET6 ? smtp_conf.smtp_bind_address6 : smtp_conf.smtp_bind_address;
    struct net_addr source;

    if (text.len == 0)
        return 0;
    if (str_starts(text, STR("[")) && str_ends(text, STR("]")))
        text = str_sub(text, 1, text.len - 1);
    if (!net_addr_parse(text, 0, &source) || source.ss.ss_family != family)
        return 0;
    if (bind(fd, (struct sockaddr *)&source.ss, source.len) == 0)
        return 0;
    log_warning("bind " STR_FMT ": %s", STR_ARG(text), strerror(errno));
    return smtp_conf.smtp_bind_address_enforce ? -1 : 0;
}

static bool finish_connect(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;

    switch (fd_wait(fd, POLLOUT, deadline_in(smtp_conf.smtp_connect_timeout ? smtp_conf.smtp_connect_timeout : 3600))) {
    case IO_OK:
        break;
    case IO_TIMEOUT:
        errno = ETIMEDOUT;
        return false;
    default:
        return false;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return false;
    errno = error;
    return error == 0;
}

static int connect_inet(const struct target_server *server)
{
    int fd = socket(server->addr.ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    if (bind_source(fd, server->addr.ss.ss_family) == 0 &&
        (connect(fd, (const struct sockaddr *)&server->addr.ss, server->addr.len) == 0 ||
         (errno == EINPROGRESS && finish_connect(fd)))) {
        fd_set_nonblocking(fd, false);
        return fd;
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int connect_server(const struct target_server *server, struct arena *a)
{
    return server->path.ptr ? socket_unix_connect(arena_cstr(a, server->path)) : connect_inet(server);
}

static void describe_peer(struct client_session *s, const struct target_server *server)
{
    BUF_AUTO(text, 1024);

    s->name = arena_str(&s->arena, server->name);
    s->address = arena_str(&s->arena, server->address);
    s->port = server->port;
    buf_join(&text, s->name, STR("["), s->address, STR("]"));
    s->shown = arena_str(&s->arena, buf_str(&text));
    if (server->path.ptr == NULL)
        buf_addf(&text, ":%d", server->port);
    s->relay = arena_str(&s->arena, buf_str(&text));
}

bool session_connect(struct client_session *s, const struct target_server *server, struct arena *a,
                     struct session_fault *fault)
{
    *s = (struct client_session){ .fd = -1 };
    describe_peer(s, server);
    s->fd = connect_server(server, a);
    if (s->fd >= 0) {
        struct timeval t = { .tv_sec = smtp_conf.smtp_data_xfer_timeout };
        (void)setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
        s->opened_ms = clock_now_ms();
        return true;
    }
    BUF_AUTO(text, 1024);
    buf_join(&text, STR("connect to "), s->relay, STR(": "), str_from(strerror(errno)));
    set_fault(fault, "4.4.1", false, arena_str(a, buf_str(&text)));
    log_info(STR_FMT, STR_ARG(fault->text));
    arena_free(&s->arena);
    return false;
}

static unsigned discarded_extensions(struct str words)
{
    struct str word;
    unsigned bits = 0;

    while (str_token(&words, ", \t\r\n", &word))
        bits |= smtp_extension_find(word);
    return bits;
}

static void start_dialogue(struct client_session *s, bool lmtp)
{
    struct smtp_client_options options = {
        .lmtp = lmtp,
        .never_esmtp = smtp_conf.smtp_never_send_ehlo,
        .ehlo_if_announced = !smtp_conf.smtp_always_send_ehlo,
        .helo_name = smtp_conf.smtp_helo_name,
        .discard = discarded_extensions(smtp_conf.smtp_discard_ehlo_keywords),
        .reply_line_limit = (size_t)site_conf.line_length_limit,
        .line_limit = (size_t)smtp_conf.smtp_line_length_limit,
    };
    smtp_client_init(&s->dialogue, &options);
}

static bool refused_to_talk(struct client_session *s, const struct smtp_client_event *ev, struct arena *a,
                            struct session_fault *fault)
{
    BUF_AUTO(text, 8192);
    char dsn[16];
    bool greeting = ev->step == SMTP_STEP_GREETING;

    buf_join(&text, STR("host "), s->shown, STR(" refused to talk to me: "), ev->answer.text);
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\n')
            text.ptr[i] = ' ';
    snprintf(dsn, sizeof dsn, STR_FMT, STR_ARG(ev->answer.status));
    bool permanent = ev->answer.code >= 500 && (!greeting || !smtp_conf.smtp_skip_5xx_greeting);
    if (!permanent && dsn[0] == '5')
        dsn[0] = '4';
    set_fault(fault, dsn, permanent, arena_str(a, buf_str(&text)));
    fault->reply = arena_str(a, ev->answer.text);
    fault->server = arena_str(a, s->name);
    return false;
}

/* A server that greets us with our own name is we ourselves. */
static bool is_own_greeting(const struct smtp_client_event *ev, struct client_session *s)
{
    struct str text = str_skip(ev->answer.text, 4), name;

    return s->port == 25 && str_token(&text, " \t\r\n", &name) && str_equal_nocase(name, site_conf.myhostname);
}

static bool loops_back(struct client_session *s, struct arena *a, struct session_fault *fault)
{
    BUF_AUTO(text, 512);

    log_warning("host " STR_FMT " greeted me with my own hostname " STR_FMT, STR_ARG(s->relay),
                STR_ARG(site_conf.myhostname));
    buf_join(&text, STR("mail for "), s->nexthop, STR(" loops back to myself"));
    set_fault(fault, "5.4.6", true, arena_str(a, buf_str(&text)));
    return false;
}

bool session_greet(struct client_session *s, bool lmtp, struct arena *a, struct session_fault *fault)
{
    start_dialogue(s, lmtp);
    for (;;) {
        struct smtp_client_event ev = smtp_client_next(&s->dialogue);
        switch (ev.kind) {
        case SMTP_CLIENT_NEED_INPUT:
            if (!session_fill(s, ev.step)) {
                session_describe_loss(s, ev.step, a, fault);
                return false;
            }
            break;
        case SMTP_CLIENT_FLUSH:
            if (!session_flush(s)) {
                session_describe_loss(s, smtp_client_step(&s->dialogue), a, fault);
                return false;
            }
            break;
        case SMTP_CLIENT_GREETING:
            if (is_own_greeting(&ev, s))
                return loops_back(s, a, fault);
            break;
        case SMTP_CLIENT_READY:
            s->ready = true;
            return true;
        case SMTP_CLIENT_REFUSED:
            return refused_to_talk(s, &ev, a, fault);
        default:
            errno = EPROTO;
            session_describe_loss(s, ev.step, a, fault);
            return false;
        }
    }
}

static void wait_for_goodbye(struct client_session *s)
{
    for (;;) {
        struct smtp_client_event ev = smtp_client_next(&s->dialogue);
        if (ev.kind == SMTP_CLIENT_NEED_INPUT ? !session_fill(s, ev.step) : ev.kind == SMTP_CLIENT_CLOSE)
            return;
        if (ev.kind == SMTP_CLIENT_BAD)
            return;
    }
}

void session_close(struct client_session *s, bool polite)
{
    if (s->fd < 0)
        return;
    if (polite && s->dialogue.state) {
        smtp_client_quit(&s->dialogue);
        if (!smtp_conf.smtp_skip_quit_response) {
            wait_for_goodbye(s);
        } else {
            /* The core writes QUIT when asked for its next event. */
            struct smtp_client_event ev = smtp_client_next(&s->dialogue);
            if ((ev.kind == SMTP_CLIENT_NEED_INPUT || ev.kind == SMTP_CLIENT_FLUSH) && !session_flush(s))
                log_debug("no goodbye to " STR_FMT, STR_ARG(s->shown));
        }
    }
    if (s->dialogue.state)
        smtp_client_fini(&s->dialogue);
    fd_close(&s->fd);
    arena_free(&s->arena);
    *s = (struct client_session){ .fd = -1 };
}
