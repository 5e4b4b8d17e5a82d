#include "smtpd/session.h"

#include "base/log.h"
#include "client/debug_peer.h"
#include "smtpd/auth.h"
#include "smtpd/commands.h"
#include "smtpd/limits.h"
#include "smtpd/milters.h"
#include "smtpd/notice.h"
#include "smtpd/options.h"
#include "smtpd/peer.h"
#include "smtpd/proxy.h"
#include "smtpd/transaction.h"
#include "smtpd/wire.h"

/* An idle session holds no cleanup process; a busy one keeps it for its next message. */
#define CLEANUP_LINGER_MS 200

static void release_idle_cleanup(struct session *s)
{
    if (!s->t.open && channel_is_open(&s->cleanup.channel) && wire_is_quiet(s, CLEANUP_LINGER_MS))
        cleanup_client_close(&s->cleanup);
}

/* Our replies go out before we wait. */
static bool hear_more(struct session *s)
{
    if (!wire_flush(s))
        return false;
    release_idle_cleanup(s);
    return wire_fill(s);
}

static void converse(struct session *s)
{
    for (;;) {
        struct smtp_event ev = smtp_server_next(&s->dialogue);
        switch (ev.kind) {
        case SMTP_NEED_INPUT:
            if (!hear_more(s))
                return;
            break;
        case SMTP_FLUSH:
            if (!wire_flush(s))
                return;
            break;
        case SMTP_CLOSE:
            (void)wire_flush(s);
            return;
        default:
            service_note_wait(s->setup->svc, false);
            commands_handle(s, &ev);
        }
    }
}

/* Bytes in parentheses tell how much of a message had come before the connection went. */
static void log_end_reason(struct session *s)
{
    struct str where =
        s->message_ended ? STR("END-OF-MESSAGE") : smtp_command_name(s->dialogue.last);

    bool at_its_end = s->dialogue.last == SMTP_CMD_QUIT || s->message_ended;

    if (s->end_reason == NULL || (at_its_end && strcmp(s->end_reason, "lost connection") == 0))
        return;
    BUF_AUTO(text, 512);
    if (s->setup->names_ends)
        buf_join(&text, str_from(session_queue_id(s)), STR(": "));
    buf_join(&text, str_from(s->end_reason), STR(" after "), where);
    if (s->t.in_content)
        buf_addf(&text, " (%lld bytes)", (long long)s->t.content_bytes);
    log_info(STR_FMT " from " STR_FMT, STR_ARG(buf_str(&text)), STR_ARG(s->peer.shown));
}

static void log_disconnect(struct session *s)
{
    BUF_AUTO(tally, 1024);

    smtp_server_format_tally(&s->dialogue, &tally);
    log_info("disconnect from " STR_FMT STR_FMT, STR_ARG(s->peer.shown), STR_ARG(buf_str(&tally)));
}

/* The balancer in front of us does not say who is there. */
static void part_from_nobody(struct session *s)
{
    BUF_AUTO(text, 512);

    peer_stand_in(s);
    peer_update_shown(s);
    log_info("connect from " STR_FMT, STR_ARG(s->peer.shown));
    buf_join(&text, STR("4.3.0 "), site_conf.myhostname, STR(" Server local error"));
    if (!s->setup->tls.wraps)
        wire_turn_away(s, (struct smtp_reply){ 421, buf_str(&text) });
    log_info("disconnect from " STR_FMT " commands=0/0", STR_ARG(s->peer.shown));
}

/* Who is there, and may we speak with them?  False: the connection is of no use. */
static bool begin(struct session *s)
{
    struct smtp_server_options options;
    struct str early = STR_NONE;

    peer_identify(s);
    s->is_piped = !s->peer.is_inet;
    if (!proxy_identify(s, &early)) {
        part_from_nobody(s);
        return false;
    }
    if (!limits_leave_room(s))
        return false;
    peer_lookup_names(s);
    peer_update_shown(s);
    debug_peer_begin(s->peer.name, s->peer.address);
    log_info("connect from " STR_FMT, STR_ARG(s->peer.shown));
    options_for_session(s, &options);
    s->may_forward = options.xforward;
    smtp_server_init(&s->dialogue, &options);
    if (s->setup->tls.wraps)
        s->early = early;
    else if (early.len)
        smtp_server_feed(&s->dialogue, early);
    return true;
}

static void finish(struct session *s)
{
    auth_end(s->setup);
    log_end_reason(s);
    smtp_server_close(&s->dialogue, (struct smtp_reply){ .code = 0 });
    transaction_end(s);
    milters_on_disconnect(s);
    notice_send(s);
    limits_on_disconnect(s);
    log_disconnect(s);
    smtp_server_fini(&s->dialogue);
}

void session_serve(const struct setup *setup, int fd)
{
    struct session s = { .setup = setup, .cleanup = CLEANUP_CLIENT_INIT };

    wire_open(&s, fd);
    s.cleanup.postdrop = setup->postdrop;
    transcript_init(&s.transcript);
    if (begin(&s)) {
        converse(&s);
        finish(&s);
    }
    debug_peer_end();
    wire_release(&s); /* the skeleton closes it */
    cleanup_client_close(&s.cleanup);
    buf_free(&s.deny_text);
    buf_free(&s.auth.mechanisms);
    transcript_fini(&s.transcript);
    arena_free(&s.t.arena);
    arena_free(&s.scratch);
    arena_free(&s.arena);
}
