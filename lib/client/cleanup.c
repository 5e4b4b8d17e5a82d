#include "client/cleanup.h"

#include "base/log.h"
#include "conf/params.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define SEND_AT (60UL * 1024) /* bytes of records that are worth a frame */

static bool connect_service(struct cleanup_client *c, struct str service, int timeout_s)
{
    if (channel_open(&c->channel, "public", service, timeout_s))
        return true;
    log_warning("connect to service public/" STR_FMT ": %s", STR_ARG(service), strerror(errno));
    return false;
}

/* Ask for a queue file and wait for its id. */
static bool ask(struct cleanup_client *c, int flags, int sendopts)
{
    struct cleanup_open open = { .flags = flags, .sendopts = sendopts };
    struct cleanup_ready ready;
    struct str body;
    char kind;

    cleanup_open_encode(channel_begin(&c->channel, CLEANUP_SUBMIT_OPEN), &open);
    return channel_end(&c->channel) && channel_receive(&c->channel, &kind, &body) == IO_OK &&
           kind == CLEANUP_SUBMIT_READY && cleanup_ready_decode(&body, &ready) &&
           queue_id_parse(ready.queue_id, &c->id);
}

/* postdrop(1) keeps only the options of a size record that comes first. */
static bool open_drop(struct cleanup_client *c, int sendopts, int timeout_s)
{
    struct record_size size = { .sendopts = sendopts };
    char text[RECORD_SIZE_BYTES + 1];

    c->open = postdrop_client_open(&c->drop, c->postdrop, timeout_s, &c->id);
    if (c->open && sendopts) {
        record_size_format(&size, text);
        record_put(postdrop_client_records(&c->drop), REC_SIZE,
                   (struct str){ text, RECORD_SIZE_BYTES });
    }
    return c->open;
}

int cleanup_utf8_flag(struct str mail_class)
{
    struct str classes = site_conf.smtputf8_autodetect_classes;
    bool wanted = str_has_word(classes, mail_class) || str_has_word(classes, STR("all"));

    return site_conf.smtputf8_enable && wanted ? CLEANUP_FLAG_SMTPUTF8_AUTO : 0;
}

int cleanup_filter_flags(struct str mail_class)
{
    struct str rest = site_conf.internal_mail_filter_classes, word;
    int flags = 0;

    while (str_token(&rest, ", \t\r\n", &word)) {
        if (str_equal_nocase(word, mail_class))
            flags = CLEANUP_FLAG_FILTER | CLEANUP_FLAG_MILTER;
        else if (!str_has_word(STR("bounce notify"), word))
            log_warning("internal_mail_filter_classes: bad input: " STR_FMT, STR_ARG(word));
    }
    return flags;
}

bool cleanup_client_open(struct cleanup_client *c, struct str service, int flags, int sendopts,
                         int timeout_s)
{
    bool kept = channel_is_open(&c->channel);

    c->failed = false;
    c->framing = false;
    if (c->postdrop)
        return open_drop(c, sendopts, timeout_s);
    if (kept) /* cleanup may have left meanwhile: then a new connection is tried */
        c->open = ask(c, flags, sendopts);
    if (!kept || !c->open) {
        cleanup_client_close(c);
        c->open = connect_service(c, service, timeout_s) && ask(c, flags, sendopts);
    }
    if (!c->open) {
        if (channel_is_open(&c->channel))
            log_warning("problem talking to service " STR_FMT, STR_ARG(service));
        cleanup_client_close(c);
    }
    return c->open;
}

struct buf *cleanup_client_records(struct cleanup_client *c)
{
    if (c->postdrop)
        return postdrop_client_records(&c->drop);
    if (!c->framing) {
        c->framing = true;
        channel_begin(&c->channel, CLEANUP_SUBMIT_RECORD);
    }
    return &c->channel.link.out;
}

static void end_frame(struct cleanup_client *c)
{
    if (!c->framing)
        return;
    c->framing = false;
    if (!channel_end(&c->channel))
        c->failed = true;
}

void cleanup_client_pump(struct cleanup_client *c)
{
    struct buf *out = c->postdrop ? postdrop_client_records(&c->drop) : &c->channel.link.out;

    if (c->failed) { /* nobody listens: forget it, end() says so */
        c->framing = false;
        buf_clear(out);
    } else if (c->postdrop) {
        c->failed = out->len >= SEND_AT && !postdrop_client_flush(&c->drop);
    } else if (c->framing && out->len - c->channel.open_at >= SEND_AT) {
        end_frame(c);
        if (!c->failed && !channel_flush(&c->channel))
            c->failed = true;
    }
}

/* The descriptor goes out with the first byte of a write, which is the frame's. */
static bool send_milter(struct cleanup_client *c, const struct cleanup_milter *milter,
                        struct str macros, int fd)
{
    if (!channel_flush(&c->channel))
        return false;
    c->cargo = (struct cargo){ .out = fcntl(fd, F_DUPFD_CLOEXEC, 0) };
    cargo_attach(&c->channel.link.stream, &c->cargo);
    struct buf *body = channel_begin(&c->channel, CLEANUP_SUBMIT_MILTER);
    cleanup_milter_encode(body, milter);
    buf_add(body, macros);
    return c->cargo.out >= 0 && channel_end(&c->channel) && channel_flush(&c->channel);
}

void cleanup_client_pass_milter(struct cleanup_client *c, const struct cleanup_milter *milter,
                                struct str macros, int fd)
{
    end_frame(c);
    if (!c->failed && !send_milter(c, milter, macros, fd))
        c->failed = true;
}

static bool receive_verdict(struct cleanup_client *c, struct cleanup_verdict *verdict)
{
    struct str body;
    char kind;

    return channel_receive(&c->channel, &kind, &body) == IO_OK && kind == CLEANUP_SUBMIT_VERDICT &&
           cleanup_verdict_decode(&body, verdict);
}

/* Nobody knows what cleanup has said to a filter when it says nothing to us. */
#define ALL_BROKEN (-1)

struct cleanup_verdict cleanup_client_end(struct cleanup_client *c)
{
    struct cleanup_verdict verdict = { .status = CLEANUP_WRITE, .broken = ALL_BROKEN };

    end_frame(c);
    c->open = false;
    if (c->postdrop) {
        verdict.status = postdrop_client_end(&c->drop);
        return verdict;
    }
    if (!c->failed && channel_send(&c->channel, CLEANUP_SUBMIT_END, STR_NONE) &&
        receive_verdict(c, &verdict))
        return verdict;
    log_warning("lost the connection to the cleanup service before the verdict on %s", c->id.text);
    cleanup_client_close(c);
    return (struct cleanup_verdict){ .status = CLEANUP_WRITE, .broken = ALL_BROKEN };
}

void cleanup_client_abort(struct cleanup_client *c)
{
    if (!c->open)
        return;
    if (c->postdrop) {
        postdrop_client_abort(&c->drop);
        c->open = false;
        return;
    }
    end_frame(c); /* cleanup logs what it has seen of the message */
    c->open = false;
    if (c->failed || !channel_send(&c->channel, CLEANUP_SUBMIT_ABORT, STR_NONE) ||
        !channel_flush(&c->channel))
        cleanup_client_close(c);
}

void cleanup_client_close(struct cleanup_client *c)
{
    channel_close(&c->channel);
    c->open = false;
    c->framing = false;
}
