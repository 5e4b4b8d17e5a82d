#include "tools/posttls-finger/chat.h"

#include "base/log.h"
#include "conf/params.h"

static void show(void *context, enum smtp_note note, struct str text)
{
    const struct chat *c = context;

    if (c->is_shown && (note == SMTP_NOTE_HEARD || note == SMTP_NOTE_NO_REPLY))
        log_info("< " STR_FMT, STR_ARG(text));
}

void chat_init(struct chat *c, struct stream *stream)
{
    *c = (struct chat){ .stream = stream, .doing = "reading server greeting", .is_shown = true };
    smtp_reply_reader_init(&c->reader, (size_t)site_conf.line_length_limit);
    c->reader.note = show;
    c->reader.context = c;
}

void chat_fini(struct chat *c)
{
    smtp_reply_reader_fini(&c->reader);
    buf_free(&c->in);
}

void chat_forget(struct chat *c)
{
    buf_clear(&c->in);
    c->start = 0;
}

static bool is_lost(const struct chat *c, enum io_result how)
{
    log_info("%s while %s", how == IO_TIMEOUT ? "timeout" : "lost connection", c->doing);
    return false;
}

static bool fill(struct chat *c, struct deadline until)
{
    enum { PIECE = 4096 };
    size_t got;

    buf_consume(&c->in, c->start);
    c->start = 0;
    char *room = buf_reserve(&c->in, PIECE);
    enum io_result result = stream_read(c->stream, room, PIECE, until, &got);
    if (result != IO_OK)
        return is_lost(c, result);
    c->in.len += got;
    return true;
}

bool chat_hear(struct chat *c, int seconds, struct smtp_answer *answer)
{
    struct deadline until = deadline_in(seconds);

    for (;;) {
        struct str rest = str_skip(buf_str(&c->in), c->start);
        enum smtp_reply_result result = smtp_reply_read(&c->reader, &rest, answer);
        c->start = c->in.len - rest.len;
        if (result == SMTP_REPLY_OK)
            return true;
        if (result == SMTP_REPLY_BAD)
            return is_lost(c, IO_ERROR);
        if (!fill(c, until))
            return false;
    }
}

bool chat_ask(struct chat *c, struct str command, int seconds, struct smtp_answer *answer)
{
    BUF_AUTO(line, 0);

    if (c->is_shown)
        log_info("> " STR_FMT, STR_ARG(command));
    buf_join(&line, command, STR("\r\n"));
    enum io_result result = stream_write_all(c->stream, buf_str(&line), deadline_in(seconds));
    return result == IO_OK ? chat_hear(c, seconds, answer) : is_lost(c, result);
}
