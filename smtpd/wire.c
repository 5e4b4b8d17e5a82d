#include "smtpd/wire.h"

#include <sys/socket.h>

void wire_open(struct session *s, int fd)
{
    int seconds = smtpd_conf.smtpd_timeout;

    stream_init(&s->stream, fd, socket_set_read_timeout(fd, seconds) ? (int64_t)seconds * 1000 : 0);
    s->stream.called_off = service_is_called_off(s->setup->svc);
    pace_init(&s->pace, seconds, smtpd_conf.smtpd_per_request_deadline,
              smtpd_conf.smtpd_min_data_rate);
}

void wire_release(struct session *s) { stream_release(&s->stream); }

bool wire_ends(const struct session *s, struct net_addr *theirs, struct net_addr *ours)
{
    theirs->len = ours->len = sizeof theirs->ss;
    return (service_client_address(s->setup->svc, theirs) ||
            getpeername(s->stream.fd, (struct sockaddr *)&theirs->ss, &theirs->len) == 0) &&
           getsockname(s->stream.fd, (struct sockaddr *)&ours->ss, &ours->len) == 0 &&
           (theirs->ss.ss_family == AF_INET || theirs->ss.ss_family == AF_INET6);
}

enum io_result wire_read(struct session *s, struct pace *pace, struct buf *into, size_t room)
{
    char *at = buf_reserve(into, room);
    size_t got = 0;
    enum io_result result = pace_read(pace, &s->stream, at, room, &got);

    into->len += got;
    return result;
}

const struct tls_facts *wire_start_tls(struct session *s, struct tls_engine *engine,
                                       const struct tls_server_wish *wish)
{
    return tls_accept(engine, &s->stream, wish);
}

void wire_note_reply(struct session *s, struct smtp_reply reply)
{
    bool more;

    do {
        BUF_AUTO(line, 0);
        more = str_has(reply.text, '\n');
        buf_add_int(&line, reply.code);
        buf_addc(&line, more ? '-' : ' ');
        buf_add(&line, str_cut(&reply.text, '\n'));
        transcript_out(&s->transcript, s->peer.shown, buf_str(&line));
    } while (more);
}

void wire_part(struct session *s, struct smtp_reply reply)
{
    if (reply.code)
        wire_note_reply(s, reply);
    smtp_server_close(&s->dialogue, reply);
}

void wire_break_off(struct session *s, struct smtp_reply reply)
{
    wire_note_reply(s, reply);
    smtp_server_break_off(&s->dialogue, reply);
}

void wire_turn_away(struct session *s, struct smtp_reply reply)
{
    BUF_AUTO(text, 1024);

    smtp_reply_format(reply, &text);
    stream_try_write(&s->stream, buf_str(&text));
}

static bool lost(struct session *s, enum io_result how)
{
    bool timeout = how == IO_TIMEOUT;

    if (timeout) {
        BUF_AUTO(text, 512);
        buf_join(&text, STR("4.4.2 "), site_conf.myhostname, STR(" Error: timeout exceeded"));
        wire_part(s, (struct smtp_reply){ 421, buf_str(&text) });
        stream_try_write(&s->stream, buf_str(&s->dialogue.out));
    }
    s->end_reason = timeout ? "timeout" : "lost connection";
    return false;
}

bool wire_flush(struct session *s)
{
    struct str out = buf_str(&s->dialogue.out);
    enum io_result sent = out.len ? pace_write(&s->pace, &s->stream, out) : IO_OK;

    if (sent != IO_OK)
        return lost(s, sent);
    smtp_server_sent(&s->dialogue);
    return true;
}

struct str wire_peek(const struct session *s, char *room, size_t size)
{
    ssize_t n = recv(s->stream.fd, room, size, MSG_PEEK | MSG_DONTWAIT);

    return (struct str){ room, n > 0 ? (size_t)n : 0 };
}

bool wire_is_quiet(const struct session *s, int ms) { return stream_is_quiet(&s->stream, ms); }

bool wire_fill(struct session *s)
{
    size_t room, got;

    if (!smtp_server_in_content(&s->dialogue))
        service_note_wait(s->setup->svc, true);
    char *at = smtp_server_room(&s->dialogue, &room);
    enum io_result heard = pace_read(&s->pace, &s->stream, at, room, &got);
    if (heard != IO_OK)
        return lost(s, heard);
    smtp_server_filled(&s->dialogue, got);
    if (smtp_server_in_content(&s->dialogue))
        pace_earn(&s->pace, got);
    return true;
}
