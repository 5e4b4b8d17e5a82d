#include "smtpd/notice.h"

#include "base/log.h"
#include "text/address.h"
#include "text/date.h"

#include <time.h>

#define LINE_WIDTH   79
#define CONTINUATION STR("     ")

static const struct {
    struct str name;
    enum fault fault;
} classes[] = {
    { { "policy", 6 }, FAULT_POLICY },     { { "protocol", 8 }, FAULT_PROTOCOL },
    { { "resource", 8 }, FAULT_RESOURCE }, { { "software", 8 }, FAULT_SOFTWARE },
    { { "data", 4 }, FAULT_DATA },         { { "bounce", 6 }, FAULT_BOUNCE },
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

static bool notices_are_filtered(void)
{
    struct str words = site_conf.internal_mail_filter_classes, word;

    while (str_token(&words, ", \t\r\n", &word))
        if (str_equal_nocase(word, STR("notify")))
            return true;
    return false;
}

/* The header names who is told of errors whoever gets the notice. */
static struct str recipient_of(const struct session *s)
{
    return s->faults & FAULT_BOUNCE ? site_conf.bounce_notice_recipient
                                    : site_conf.error_notice_recipient;
}

static void put_line(struct session *s, struct str line)
{
    record_put_line(cleanup_client_records(&s->cleanup), line, (size_t)site_conf.line_length_limit);
    cleanup_client_pump(&s->cleanup);
}

static void put_envelope(struct session *s)
{
    struct buf *out = cleanup_client_records(&s->cleanup);
    BUF_AUTO(sender, 0);

    buf_join(&sender, site_conf.double_bounce_sender, STR("@"), site_conf.myhostname);
    record_put_time(out, clock_wall());
    record_put_attr(out, "rewrite_context", STR("local"));
    record_put_attr(out, "log_message_origin", STR("local"));
    record_put(out, REC_SENDER, buf_str(&sender));
    record_put(out, REC_RCPT, recipient_of(s));
    record_put(out, REC_MESSAGE, STR_NONE);
}

static void format_now(struct buf *out)
{
    time_t now = time(NULL);
    struct tm local;

    localtime_r(&now, &local);
    date_format(&local, local.tm_gmtoff, str_from_null(local.tm_zone), out);
}

static void put_trace(struct session *s)
{
    BUF_AUTO(by, 0);
    BUF_AUTO(id, 0);
    BUF_AUTO(date, 0);

    format_now(&date);
    buf_join(&by, STR("Received: by "), site_conf.myhostname, STR(" ("), site_conf.mail_name,
             STR(")"));
    buf_join(&id, STR("\tid "), queue_id_str(&s->cleanup.id), STR("; "), buf_str(&date));
    put_line(s, buf_str(&by));
    put_line(s, buf_str(&id));
    buf_clear(&by);
    buf_join(&by, STR("Date: "), buf_str(&date));
    put_line(s, buf_str(&by));
}

static void put_header(struct session *s)
{
    BUF_AUTO(from, 0);
    BUF_AUTO(to, 0);
    BUF_AUTO(subject, 0);

    buf_join(&from, STR("From: Mail Delivery System <MAILER-DAEMON@"), site_conf.myhostname,
             STR(">"));
    buf_add(&to, STR("To: Postmaster <"));
    address_quote(site_conf.error_notice_recipient, &to);
    buf_addc(&to, '>');
    buf_join(&subject, STR("Subject: "), site_conf.mail_name, STR(" SMTP server: errors from "),
             s->peer.name, STR("["), s->peer.address, STR("]"));
    put_trace(s);
    put_line(s, buf_str(&from));
    put_line(s, buf_str(&to));
    put_line(s, buf_str(&subject));
    put_line(s, STR(""));
}

/* Lines of the transcript are broken at blanks, where they can be. */
static void put_wrapped(struct session *s, struct str line)
{
    while (line.len > LINE_WIDTH) {
        size_t blank = str_rfind(str_sub(line, CONTINUATION.len + 1, LINE_WIDTH + 1), ' ');
        if (blank == STR_NOT_FOUND)
            break;
        blank += CONTINUATION.len + 1;
        put_line(s, str_sub(line, 0, blank));
        BUF_AUTO(rest, 0);
        buf_join(&rest, CONTINUATION, str_skip(line, blank + 1));
        line = arena_str(&s->scratch, buf_str(&rest));
    }
    put_line(s, line);
}

static void put_body(struct session *s)
{
    struct str said = buf_str(&s->transcript.text);

    put_line(s, STR("Transcript of session follows."));
    put_line(s, STR(""));
    while (said.len)
        put_wrapped(s, str_cut(&said, '\n'));
    if (s->transcript.text.full)
        put_line(s, STR(" (the rest was too long to be kept)"));
    put_line(s, STR(""));
    if (s->end_reason) {
        BUF_AUTO(line, 128);
        buf_join(&line, STR("Session aborted, reason: "), str_from(s->end_reason));
        put_line(s, buf_str(&line));
    }
    put_line(s, STR(""));
    put_line(s, STR("For other details, see the local mail logfile"));
}

static bool submit(struct session *s)
{
    int flags = CLEANUP_FLAG_MAP_OK |
                (notices_are_filtered() ? CLEANUP_FLAG_FILTER | CLEANUP_FLAG_MILTER : 0);

    if (!cleanup_client_open(&s->cleanup, site_conf.cleanup_service_name, flags, 0,
                             site_conf.ipc_timeout))
        return false;
    put_envelope(s);
    put_header(s);
    put_body(s);
    record_put(cleanup_client_records(&s->cleanup), REC_EXTRACTED, STR_NONE);
    record_put(cleanup_client_records(&s->cleanup), REC_END, STR_NONE);
    return cleanup_client_end(&s->cleanup).status == CLEANUP_OK;
}

void notice_send(struct session *s)
{
    if (!(s->faults & s->setup->notify) || s->transcript.lines == 0 || s->setup->postdrop)
        return;
    if (!submit(s))
        log_warning("no notice to the postmaster about the session with " STR_FMT,
                    STR_ARG(s->peer.shown));
}
