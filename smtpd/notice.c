#include "smtpd/notice.h"

#include "base/log.h"
#include "client/notice.h"

static const struct {
    struct str name;
    enum fault fault;
} classes[] = {
    { STR("policy"), FAULT_POLICY },     { STR("protocol"), FAULT_PROTOCOL },
    { STR("resource"), FAULT_RESOURCE }, { STR("software"), FAULT_SOFTWARE },
    { STR("data"), FAULT_DATA },         { STR("bounce"), FAULT_BOUNCE },
};

unsigned notice_classes_parse(struct str words)
{
    struct str word;
    unsigned wanted = 0;

    while (str_token(&words, ", \t\r\n", &word))
        for (size_t i = 0; i < ARRAY_LEN(classes); i++)
            if (str_equal_nocase(word, classes[i].name))
                wanted |= (unsigned)classes[i].fault;
    return wanted;
}

/* The header names who is told of errors whoever gets the notice. */
static struct str recipient_of(const struct session *s)
{
    return s->faults & FAULT_BOUNCE ? site_conf.bounce_notice_recipient
                                    : site_conf.error_notice_recipient;
}

static bool submit(struct session *s)
{
    BUF_AUTO(peer, 0);
    BUF_AUTO(ending, 0);
    struct notice n = { .recipient = recipient_of(s),
                        .reporter = STR("SMTP server"),
                        .ending = STR(""),
                        .said = &s->transcript };

    buf_join(&peer, s->peer.name, STR("["), s->peer.address, STR("]"));
    n.peer = buf_str(&peer);
    if (s->end_reason) {
        buf_join(&ending, STR("Session aborted, reason: "), str_from(s->end_reason));
        n.ending = buf_str(&ending);
    }
    return notice_submit(&s->cleanup, &n);
}

void notice_send(struct session *s)
{
    if (!(s->faults & s->setup->notify) || s->transcript.lines == 0 || s->setup->postdrop)
        return;
    if (!submit(s))
        log_warning("no notice to the postmaster about the session with " STR_FMT,
                    STR_ARG(s->peer.shown));
}
