#include "conf/params.h"
#include "os/fd.h"
#include "smtp-client/session.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* The kernel was told to give up after this long or less (connect.c), so that a wait costs no
 * system call of its own until its last half minute. */
#define TICK_MS 30000

/* Without per-request deadlines: how many times its limit a step may take when the server keeps
 * doing something. */
#define PATIENCE 4

static const int *const limits[SMTP_STEP_COUNT] = {
    [SMTP_STEP_GREETING] = &smtp_conf.smtp_helo_timeout,
    [SMTP_STEP_EHLO] = &smtp_conf.smtp_helo_timeout,
    [SMTP_STEP_HELO] = &smtp_conf.smtp_helo_timeout,
    [SMTP_STEP_LHLO] = &smtp_conf.smtp_helo_timeout,
    [SMTP_STEP_STARTTLS] = &smtp_conf.smtp_starttls_timeout,
    [SMTP_STEP_AUTH] = &smtp_conf.smtp_mail_timeout,
    [SMTP_STEP_XFORWARD_NAME_ADDR] = &smtp_conf.smtp_xforward_timeout,
    [SMTP_STEP_XFORWARD_PROTO_HELO] = &smtp_conf.smtp_xforward_timeout,
    [SMTP_STEP_MAIL] = &smtp_conf.smtp_mail_timeout,
    [SMTP_STEP_RCPT] = &smtp_conf.smtp_rcpt_timeout,
    [SMTP_STEP_DATA] = &smtp_conf.smtp_data_init_timeout,
    [SMTP_STEP_BODY] = &smtp_conf.smtp_data_xfer_timeout,
    [SMTP_STEP_DOT] = &smtp_conf.smtp_data_done_timeout,
    [SMTP_STEP_RSET] = &smtp_conf.smtp_rset_timeout,
    [SMTP_STEP_RSET_PROBE] = &smtp_conf.smtp_rset_timeout,
    [SMTP_STEP_QUIT] = &smtp_conf.smtp_quit_timeout,
};

/* When the next wait must be over. */
static struct deadline wait_end(struct client_session *s, enum smtp_step step)
{
    int64_t now = clock_now_ms(), limit_ms = (int64_t)*limits[step] * 1000;
    struct deadline end = { now + limit_ms };

    if (s->step_end.at_ms == 0)
        s->step_end.at_ms = now + limit_ms * (smtp_conf.smtp_per_request_deadline ? 1 : PATIENCE);
    return s->step_end.at_ms < end.at_ms ? s->step_end : end;
}

/* Near the end of the time the kernel's limit would be too coarse: poll. */
static bool is_ready(int fd, short events, struct deadline end, int *flags)
{
    int left = deadline_left_ms(end);

    *flags = 0;
    if (left >= TICK_MS)
        return true;
    *flags = MSG_DONTWAIT;
    enum io_result result = left == 0 ? IO_TIMEOUT : fd_wait(fd, events, end);
    if (result == IO_TIMEOUT)
        errno = ETIMEDOUT;
    return result == IO_OK;
}

static bool is_patient(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

/* A slow server that keeps taking content at smtp_min_data_rate gets the time it needs. */
static void extend_step(struct client_session *s, enum smtp_step step, ssize_t sent)
{
    if (step == SMTP_STEP_BODY)
        s->step_end.at_ms += (int64_t)sent * 1000 / MAX(smtp_conf.smtp_min_data_rate, 1);
}

static bool write_out(struct client_session *s, enum smtp_step step)
{
    struct str out = buf_str(&s->dialogue.out);
    struct deadline end = wait_end(s, step);
    int flags;

    while (out.len) {
        if (!is_ready(s->fd, POLLOUT, end, &flags))
            return false;
        ssize_t n = send(s->fd, out.ptr, out.len, MSG_NOSIGNAL | flags);
        if (is_patient(n))
            continue;
        if (n <= 0)
            return false;
        extend_step(s, step, n);
        end = wait_end(s, step);
        out = str_skip(out, (size_t)n);
    }
    smtp_client_sent(&s->dialogue);
    return true;
}

bool session_flush(struct client_session *s, enum smtp_step step)
{
    return s->dialogue.out.len == 0 || write_out(s, step);
}

static bool read_in(struct client_session *s, int flags)
{
    size_t room;
    char *at = smtp_client_room(&s->dialogue, &room);
    ssize_t n = recv(s->fd, at, room, flags);

    if (n > 0)
        smtp_client_filled(&s->dialogue, (size_t)n);
    if (n == 0)
        errno = ECONNRESET;
    return n > 0;
}

bool session_fill(struct client_session *s, enum smtp_step step)
{
    int flags;

    if (!session_flush(s, step))
        return false;
    struct deadline end = wait_end(s, step);
    while (is_ready(s->fd, POLLIN, end, &flags)) {
        if (read_in(s, flags))
            return true;
        if (!is_patient(-1))
            return false;
    }
    return false;
}

struct smtp_client_event session_next(struct client_session *s)
{
    struct smtp_client_event ev = smtp_client_next(&s->dialogue);

    if (ev.kind != SMTP_CLIENT_NEED_INPUT && ev.kind != SMTP_CLIENT_FLUSH)
        s->step_end.at_ms = 0;
    return ev;
}

bool session_serve(struct client_session *s, const struct smtp_client_event *ev)
{
    return ev->kind == SMTP_CLIENT_NEED_INPUT ? session_fill(s, ev->step)
                                              : session_flush(s, smtp_client_step(&s->dialogue));
}

bool session_write(struct client_session *s, struct str piece, bool ends_line)
{
    if (!smtp_client_write(&s->dialogue, piece, ends_line))
        return true;
    bool ok = session_flush(s, SMTP_STEP_BODY);
    int error = errno;
    /* A server that has enough says so and hangs up: its words count, not how the writing ended. */
    (void)read_in(s, MSG_DONTWAIT);
    errno = error;
    return ok && !smtp_client_has_reply(&s->dialogue);
}
