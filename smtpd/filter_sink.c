/* The sink that passes each command and the content on to the filter of smtpd_proxy_filter as they come. */
#include "smtpd/filter_dialogue.h"
#include "smtpd/filter_words.h"
#include "smtpd/mail_sink.h"

static const struct smtp_reply trouble = MAIL_SINK_TROUBLE;

static void hang_up(struct session *s)
{
    filter_dialogue_close(s->filter.dialogue);
    s->filter.dialogue = NULL;
}

static struct smtp_reply begin(struct session *s)
{
    struct filter_dialogue *d = s->filter.dialogue = filter_dialogue_open(s);
    struct smtp_reply reply =
        d ? filter_dialogue_say(d, filter_mail_line(s), SMTP_YES, &s->scratch) : trouble;

    if (reply.code)
        hang_up(s);
    return reply;
}

static struct smtp_reply recipient(struct session *s, const struct smtp_rcpt *rcpt, struct str line)
{
    (void)rcpt;
    return filter_dialogue_say(s->filter.dialogue, line, SMTP_YES, &s->scratch);
}

static struct smtp_reply content(struct session *s)
{
    struct filter_dialogue *d = s->filter.dialogue;
    struct smtp_reply reply = filter_dialogue_say(d, STR("DATA"), SMTP_GO_ON, &s->scratch);

    if (reply.code == 0)
        filter_put_header(s, filter_dialogue_content(d));
    return reply;
}

static void text(struct session *s, struct str text, bool ends_line)
{
    filter_put_text(s, text, ends_line, filter_dialogue_content(s->filter.dialogue));
    filter_dialogue_pump(s->filter.dialogue);
}

static struct smtp_reply end(struct session *s, enum smtp_command how, struct arena *a)
{
    struct filter_dialogue *d = s->filter.dialogue;

    (void)how;
    smtp_encode_end(&s->filter.encoder, filter_dialogue_content(d));
    struct smtp_reply reply = filter_dialogue_conclude(d, a);
    hang_up(s);
    filter_log_verdict(s, reply);
    return reply;
}

const struct mail_sink mail_sink_filter = { .begin = begin,
                                            .recipient = recipient,
                                            .content = content,
                                            .text = text,
                                            .end = end,
                                            .abort = hang_up };
