#include "smtp-client/wire.h"

#include "conf/params.h"

#include <errno.h>

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

/* A slow server that keeps taking content at smtp_min_data_rate gets the time it needs. */
static void extend_step(struct client_session *s, enum smtp_step step, size_t sent)
{
    if (step == SMTP_STEP_BODY)
        s->step_end.at_ms += (int64_t)sent * 1000 / MAX(smtp_conf.smtp_min_data_rate, 1);
}

static bool is_done(enum io_result result)
{
    if (result == IO_EOF)
        errno = ECONNRESET;
    return result == IO_OK;
}

/* Time that has run out is over for a server that is never silent, too. */
static bool has_time(struct deadline end)
{
    if (!deadline_passed(end))
        return true;
    errno = ETIMEDOUT;
    return false;
}

static bool write_some(struct client_session *s, enum smtp_step step, struct str *out)
{
    struct deadline end = wait_end(s, step);
    size_t done;

    if (!has_time(end) || !is_done(stream_write(&s->stream, *out, end, &done)))
        return false;
    extend_step(s, step, done);
    *out = str_skip(*out, done);
    return true;
}

bool session_flush(struct client_session *s, enum smtp_step step)
{
    struct str out = buf_str(&s->dialogue.out);

    if (out.len == 0)
        return true;
    while (out.len)
        if (!write_some(s, step, &out))
            return false;
    smtp_client_sent(&s->dialogue);
    return true;
}

static bool read_in(struct client_session *s, struct deadline end)
{
    size_t room, got;
    char *at = smtp_client_room(&s->dialogue, &room);

    if (!is_done(stream_read(&s->stream, at, room, end, &got)))
        return false;
    smtp_client_filled(&s->dialogue, got);
    return true;
}

bool session_fill(struct client_session *s, enum smtp_step step)
{
    if (!session_flush(s, step))
        return false;
    struct deadline end = wait_end(s, step);
    return has_time(end) && read_in(s, end);
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
    (void)read_in(s, DEADLINE_NOW);
    errno = error;
    return ok && !smtp_client_has_reply(&s->dialogue);
}
