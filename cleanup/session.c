#include "cleanup/session.h"

#include "base/log.h"
#include "cleanup/milters.h"
#include "cleanup/receive.h"
#include "ipc/channel.h"
#include "os/cargo.h"

enum next { NEXT_MESSAGE, NEXT_NONE };

static bool send_ready(struct channel *ch, const struct message *m)
{
    struct cleanup_ready ready = { queue_id_str(&m->c->writer.id) };

    cleanup_ready_encode(channel_begin(ch, CLEANUP_SUBMIT_READY), &ready);
    return channel_end(ch);
}

/* The submitter hears first; the queue manager may start meanwhile. */
static bool answer(struct channel *ch, struct message *m)
{
    struct cleanup_verdict verdict = message_finish(m);

    cleanup_verdict_encode(channel_begin(ch, CLEANUP_SUBMIT_VERDICT), &verdict);
    bool sent = channel_end(ch) && channel_flush(ch);
    if (m->stored_in_incoming && !queue_notify(&m->c->writer.id))
        service_note_lost(m->c->svc);
    return sent;
}

static enum next cancelled(struct message *m, enum next next)
{
    message_log_removal(m, "canceled");
    return next;
}

/* Frames of one message, from behind 'O' to its end. */
static enum next receive_message(struct channel *ch, struct cargo *cargo, struct message *m)
{
    struct str body;
    char kind;

    while (channel_receive(ch, &kind, &body) == IO_OK) {
        switch (kind) {
        case CLEANUP_SUBMIT_RECORD:
            message_records(m, body);
            break;
        case CLEANUP_SUBMIT_MILTER:
            if (milters_take(m, body, cargo_take(cargo)))
                break;
            log_warning("%s: malformed request from the submitter about a filter", message_id(m));
            return cancelled(m, NEXT_NONE);
        case CLEANUP_SUBMIT_END:
            return answer(ch, m) ? NEXT_MESSAGE : NEXT_NONE;
        case CLEANUP_SUBMIT_ABORT:
            return cancelled(m, NEXT_MESSAGE);
        default:
            log_warning("%s: unexpected request '%c' from the submitter", message_id(m), kind);
            return cancelled(m, NEXT_NONE);
        }
    }
    return cancelled(m, NEXT_NONE);
}

static enum next serve_message(struct cleanup *c, struct channel *ch, struct cargo *cargo)
{
    struct cleanup_open open;
    struct message m;
    struct str body;
    char kind;
    enum next next;

    if (channel_receive(ch, &kind, &body) != IO_OK)
        return NEXT_NONE;
    if (kind != CLEANUP_SUBMIT_OPEN || !cleanup_open_decode(&body, &open)) {
        log_warning("malformed request from a submitter");
        return NEXT_NONE;
    }
    if (!message_begin(&m, c, &open))
        return NEXT_NONE;
    next = send_ready(ch, &m) ? receive_message(ch, cargo, &m) : cancelled(&m, NEXT_NONE);
    message_end(&m);
    return next;
}

static void leave_if_tables_changed(struct cleanup *c)
{
    BUF_AUTO(name, 1024);

    if (tables_have_changed(&name))
        service_restart_for(c->svc, buf_cstr(&name));
}

void session_serve(struct cleanup *c, int fd)
{
    struct cargo cargo = CARGO_NONE; /* connections of filters */
    struct channel ch;

    channel_init(&ch, fd, site_conf.ipc_timeout);
    cargo_attach(&ch.link.stream, &cargo);
    leave_if_tables_changed(c);
    while (serve_message(c, &ch, &cargo) == NEXT_MESSAGE) {
        leave_if_tables_changed(c);
        if (service_should_leave(c->svc))
            break;
        service_count_use(c->svc);
    }
    channel_release(&ch); /* the skeleton closes it */
}
