#include "smtpd/filter_dialogue.h"

#include "base/log.h"
#include "base/mem.h"
#include "ipc/connector.h"
#include "smtpd/mail_sink.h"
#include "smtpd/origin.h"

#include <errno.h>
#include <stdlib.h>

#define XFORWARD_LINE_MAX 512 /* bytes, RFC 5321 4.5.3.1.4 */
#define CONTENT_CHUNK     65536

struct filter_dialogue {
    struct link link;
    struct smtp_reply_reader reader;
    bool in_content; /* a word to the filter would become part of the message */
    bool broken;
};

#define SRV STR_ARG(smtpd_conf.smtpd_proxy_filter)

static const struct smtp_reply trouble = MAIL_SINK_TROUBLE;

/* ---- what goes wrong ---- */

static void lose(struct filter_dialogue *d, enum io_result how)
{
    d->broken = true;
    if (how == IO_TIMEOUT)
        log_warning("timeout talking to proxy " STR_FMT, SRV);
    else
        log_warning("lost connection with proxy " STR_FMT, SRV);
}

static void remark(void *context, enum smtp_note note, struct str text)
{
    (void)context;
    if (note == SMTP_NOTE_NO_REPLY)
        log_warning("received garbage from proxy " STR_FMT ": " STR_FMT, SRV, STR_ARG(text));
    else if (note == SMTP_NOTE_LONG_LINE || note == SMTP_NOTE_LONG_REPLY)
        log_warning(STR_FMT ": response longer than %d: " STR_FMT, SRV, site_conf.line_length_limit,
                    STR_ARG(str_sub(text, 0, 30)));
}

static void log_refusal(struct str what, const struct smtp_answer *answer)
{
    BUF_AUTO(said, 0);

    for (struct str rest = answer->all; rest.len;) {
        buf_join(&said, said.len ? STR("\r\n") : STR(""), str_cut(&rest, '\n'));
    }
    log_warning("proxy " STR_FMT " rejected \"" STR_FMT "\": \"" STR_FMT "\"", SRV, STR_ARG(what),
                STR_ARG(buf_str(&said)));
}

/* ---- replies ---- */

static bool has_code(struct str line)
{
    return line.len >= 3 && char_is_digit(line.ptr[0]) && char_is_digit(line.ptr[1]) &&
           char_is_digit(line.ptr[2]);
}

/* As one of ours; a line that babbles stays as it is. */
static struct smtp_reply as_reply(const struct smtp_answer *answer, struct arena *a)
{
    BUF_AUTO(text, 0);

    for (struct str rest = answer->all; rest.len;) {
        bool first = rest.ptr == answer->all.ptr;
        struct str line = str_cut(&rest, '\n');
        buf_join(&text, first ? STR("") : STR("\n"), str_skip(line, has_code(line) ? 4 : 0));
    }
    return (struct smtp_reply){ answer->code, arena_str(a, buf_str(&text)) };
}

static bool hear(struct filter_dialogue *d, struct smtp_answer *answer)
{
    for (;;) {
        struct str in = buf_str(&d->link.in);
        enum smtp_reply_result result = smtp_reply_read(&d->reader, &in, answer);
        buf_consume(&d->link.in, d->link.in.len - in.len);
        if (result == SMTP_REPLY_OK)
            return true;
        enum io_result filled = result == SMTP_REPLY_MORE ? link_fill(&d->link) : IO_EOF;
        if (filled != IO_OK) {
            lose(d, filled);
            return false;
        }
    }
}

/* Send what there is, and hear the answer.  False: the filter is lost. */
static bool exchange(struct filter_dialogue *d, struct smtp_answer *answer)
{
    if (d->broken)
        return false;
    enum io_result sent = link_flush(&d->link);
    if (sent != IO_OK)
        lose(d, sent);
    return !d->broken && hear(d, answer);
}

static bool ask(struct filter_dialogue *d, struct str line, struct smtp_answer *answer)
{
    buf_join(&d->link.out, line, STR("\r\n"));
    return exchange(d, answer);
}

struct smtp_reply filter_dialogue_say(struct filter_dialogue *d, struct str line,
                                      enum smtp_class expected, struct arena *a)
{
    struct smtp_answer answer;

    if (!ask(d, line, &answer))
        return trouble;
    enum smtp_class class = smtp_class_of(answer.code);
    d->in_content = class == SMTP_GO_ON;
    if (class == expected)
        return MAIL_SINK_GOES_ON;
    log_refusal(line, &answer);
    return class == SMTP_LATER || class == SMTP_NEVER ? as_reply(&answer, a) : trouble;
}

struct smtp_reply filter_dialogue_conclude(struct filter_dialogue *d, struct arena *a)
{
    struct smtp_answer answer;

    if (!exchange(d, &answer))
        return trouble;
    d->in_content = false;
    return as_reply(&answer, a);
}

/* ---- content ---- */

struct buf *filter_dialogue_content(struct filter_dialogue *d) { return &d->link.out; }

void filter_dialogue_pump(struct filter_dialogue *d)
{
    if (d->link.out.len < CONTENT_CHUNK)
        return;
    enum io_result sent = d->broken ? IO_OK : link_flush(&d->link);
    if (sent != IO_OK)
        lose(d, sent);
    buf_clear(&d->link.out);
}

/* ---- who we are, and whose mail this is ---- */

/* Bits 1 << enum smtp_xattr of a reply to EHLO. */
static unsigned offered_attributes(struct str reply)
{
    unsigned offered = 0;
    struct str word;

    while (reply.len) {
        struct str line = str_skip(str_cut(&reply, '\n'), 4);
        if (!str_token(&line, " \t=", &word) || !str_equal_nocase(word, STR("XFORWARD")))
            continue;
        while (str_token(&line, " \t", &word))
            for (unsigned i = 0; i < SMTP_XATTR_COUNT; i++)
                if (str_equal_nocase(word, smtp_xattr_name((enum smtp_xattr)i)))
                    offered |= 1U << i;
    }
    return offered;
}

static struct str known(struct str text)
{
    return str_equal(text, STR("unknown")) ? STR_NONE : text;
}

/* As few commands as there can be, each with what fits. */
static bool forward(struct filter_dialogue *d, struct session *s, unsigned offered)
{
    struct forwarded o = origin_of(s);
    const struct {
        enum smtp_xattr attr;
        struct str value;
    } values[] = {
        { SMTP_XATTR_NAME, known(o.name) },
        { SMTP_XATTR_ADDR, known(o.address) },
        { SMTP_XATTR_PORT, known(o.port) },
        { SMTP_XATTR_HELO, o.helo },
        { SMTP_XATTR_IDENT, o.ident },
        { SMTP_XATTR_PROTO, o.proto },
        { SMTP_XATTR_SOURCE, origin_is_local(s) ? STR("LOCAL") : STR("REMOTE") },
    };
    BUF_AUTO(line, 0);

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        BUF_AUTO(one, 0);
        if (!(offered & 1U << values[i].attr))
            continue;
        smtp_xattr_format(values[i].attr, values[i].value, &one);
        if (line.len && line.len + one.len + 2 > XFORWARD_LINE_MAX) {
            if (filter_dialogue_say(d, buf_str(&line), SMTP_YES, &s->scratch).code)
                return false;
            buf_clear(&line);
        }
        buf_join(&line, line.len ? STR("") : STR("XFORWARD"), buf_str(&one));
    }
    return line.len == 0 || filter_dialogue_say(d, buf_str(&line), SMTP_YES, &s->scratch).code == 0;
}

static bool greeted(struct filter_dialogue *d)
{
    struct smtp_answer answer;

    if (!hear(d, &answer))
        return false;
    if (smtp_class_of(answer.code) != SMTP_YES)
        log_refusal(STR("connection request"), &answer);
    return smtp_class_of(answer.code) == SMTP_YES;
}

static bool introduced(struct filter_dialogue *d, struct session *s)
{
    struct smtp_answer answer;
    BUF_AUTO(ehlo, 0);

    buf_join(&ehlo, STR("EHLO "), smtpd_conf.smtpd_proxy_ehlo);
    if (!greeted(d) || !ask(d, buf_str(&ehlo), &answer))
        return false;
    if (smtp_class_of(answer.code) != SMTP_YES) {
        log_refusal(buf_str(&ehlo), &answer);
        return false;
    }
    return forward(d, s, offered_attributes(answer.all));
}

struct filter_dialogue *filter_dialogue_open(struct session *s)
{
    BUF_AUTO(why, 0);
    int fd = connector_connect(s->setup->connector, s->setup->filter,
                               smtpd_conf.smtpd_proxy_timeout, &why);

    if (fd < 0) {
        log_warning("connect to proxy filter " STR_FMT ": " STR_FMT, SRV, STR_ARG(buf_str(&why)));
        return NULL;
    }
    struct filter_dialogue *d = mem_alloc(sizeof *d);
    link_init(&d->link, fd, smtpd_conf.smtpd_proxy_timeout, SMTP_REPLY_MAX, 0);
    smtp_reply_reader_init(&d->reader, (size_t)site_conf.line_length_limit);
    d->reader.note = remark;
    if (introduced(d, s))
        return d;
    filter_dialogue_close(d);
    return NULL;
}

void filter_dialogue_close(struct filter_dialogue *d)
{
    if (d == NULL)
        return;
    if (!d->broken && !d->in_content)
        stream_try_write(&d->link.stream, STR("QUIT\r\n"));
    link_close(&d->link);
    smtp_reply_reader_fini(&d->reader);
    free(d);
}
