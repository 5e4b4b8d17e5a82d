/* The sink of smtpd_proxy_options = speed_adjust: the filter hears of a message when it is complete, so that a slow client
 * holds no filter.
 *
 * Until then a file without a name has it: the commands, a line each, and behind DATA the content as it goes over the
 * wire. */
#include "base/log.h"
#include "os/fd.h"
#include "smtpd/filter_dialogue.h"
#include "smtpd/filter_words.h"
#include "smtpd/mail_sink.h"

#include <errno.h>
#include <unistd.h>

#define FILE_CHUNK 65536

static const struct smtp_reply trouble = MAIL_SINK_TROUBLE;

static void file_failed(struct session *s)
{
    s->filter.failed = true;
    s->faults |= FAULT_RESOURCE;
    log_warning("proxy speed-adjust log I/O error: %s", strerror(errno));
}

static void save(struct session *s, size_t at_least)
{
    struct filter_state *f = &s->filter;

    if (f->out.len < at_least)
        return;
    if (!f->failed && !fd_pwrite_all(s->setup->filter_file, buf_str(&f->out), f->written))
        file_failed(s);
    f->written += (off_t)f->out.len;
    buf_clear(&f->out);
}

static struct smtp_reply save_line(struct session *s, struct str line)
{
    buf_join(&s->filter.out, line, STR("\r\n"));
    save(s, FILE_CHUNK);
    return MAIL_SINK_GOES_ON;
}

static void forget(struct session *s)
{
    filter_dialogue_close(s->filter.dialogue);
    buf_free(&s->filter.out);
    s->filter = (struct filter_state){ 0 };
}

static struct smtp_reply begin_file(struct session *s)
{
    forget(s);
    return save_line(s, filter_mail_line(s));
}

static struct smtp_reply recipient_to_file(struct session *s, const struct smtp_rcpt *rcpt,
                                           struct str line)
{
    (void)rcpt;
    return save_line(s, line);
}

static struct smtp_reply content_to_file(struct session *s)
{
    (void)save_line(s, STR("DATA"));
    filter_put_header(s, &s->filter.out);
    return MAIL_SINK_GOES_ON;
}

static void text_to_file(struct session *s, struct str text, bool ends_line)
{
    filter_put_text(s, text, ends_line, &s->filter.out);
    save(s, FILE_CHUNK);
}

/* False at the end, and when the file cannot be read. */
static bool load(struct session *s, off_t *at, struct buf *into)
{
    off_t left = s->filter.written - *at;
    size_t room = (size_t)MIN(left, FILE_CHUNK);
    ssize_t n = room ? pread(s->setup->filter_file, buf_reserve(into, room), room, *at) : 0;

    if (room && n <= 0) {
        errno = n == 0 ? EIO : errno;
        file_failed(s);
    }
    if (n <= 0)
        return false;
    into->len += (size_t)n;
    *at += n;
    return true;
}

static struct smtp_reply replay_commands(struct session *s, off_t *at, struct buf *ahead,
                                         struct arena *a)
{
    for (bool data = false; !data;) {
        struct str line = buf_str(ahead);
        if (!str_has(line, '\n')) {
            if (!load(s, at, ahead))
                return trouble;
            continue;
        }
        line = str_cut(&line, '\n');
        size_t taken = line.len + 1;
        line.len--; /* its CR */
        data = str_equal(line, STR("DATA"));
        struct smtp_reply reply =
            filter_dialogue_say(s->filter.dialogue, line, data ? SMTP_GO_ON : SMTP_YES, a);
        if (reply.code)
            return reply;
        buf_consume(ahead, taken);
    }
    return MAIL_SINK_GOES_ON;
}

/* The first word against it is the answer for all recipients. */
static struct smtp_reply replay(struct session *s, struct arena *a)
{
    struct filter_dialogue *d = s->filter.failed ? NULL : filter_dialogue_open(s);
    BUF_AUTO(ahead, 0);
    off_t at = 0;

    s->filter.dialogue = d;
    struct smtp_reply reply = d ? replay_commands(s, &at, &ahead, a) : trouble;
    if (reply.code)
        return reply;
    do {
        buf_add(filter_dialogue_content(d), buf_str(&ahead));
        buf_clear(&ahead);
        filter_dialogue_pump(d);
    } while (load(s, &at, &ahead));
    return s->filter.failed ? trouble : filter_dialogue_conclude(d, a);
}

static struct smtp_reply end_of_file(struct session *s, enum smtp_command how, struct arena *a)
{
    (void)how;
    smtp_encode_end(&s->filter.encoder, &s->filter.out);
    save(s, 1);
    struct smtp_reply reply = replay(s, a);
    forget(s);
    filter_log_verdict(s, reply);
    return reply;
}

const struct mail_sink mail_sink_filter_later = { .begin = begin_file,
                                                  .recipient = recipient_to_file,
                                                  .content = content_to_file,
                                                  .text = text_to_file,
                                                  .end = end_of_file,
                                                  .abort = forget };
