#include "client/notice.h"

#include "base/log.h"
#include "conf/params.h"
#include "text/address.h"
#include "text/date.h"

#include <time.h>

#define LINE_WIDTH   79
#define CONTINUATION STR("     ")

static void put_line(struct cleanup_client *c, struct str line)
{
    record_put_line(cleanup_client_records(c), line, (size_t)site_conf.line_length_limit);
    cleanup_client_pump(c);
}

static void put_envelope(struct cleanup_client *c, const struct notice *n)
{
    struct buf *out = cleanup_client_records(c);
    BUF_AUTO(sender, 0);

    buf_join(&sender, site_conf.double_bounce_sender, STR("@"), site_conf.myhostname);
    record_put_time(out, clock_wall());
    record_put_attr(out, "rewrite_context", STR("local"));
    record_put_attr(out, "log_message_origin", STR("local"));
    record_put(out, REC_SENDER, buf_str(&sender));
    record_put(out, REC_RCPT, n->recipient);
    record_put(out, REC_MESSAGE, STR_NONE);
}

static void format_now(struct buf *out)
{
    time_t now = time(NULL);
    struct tm local;

    localtime_r(&now, &local);
    date_format(&local, local.tm_gmtoff, str_from_null(local.tm_zone), out);
}

static void put_trace(struct cleanup_client *c)
{
    BUF_AUTO(by, 0);
    BUF_AUTO(id, 0);
    BUF_AUTO(date, 0);

    format_now(&date);
    buf_join(&by, STR("Received: by "), site_conf.myhostname, STR(" ("), site_conf.mail_name,
             STR(")"));
    buf_join(&id, STR("\tid "), queue_id_str(&c->id), STR("; "), buf_str(&date));
    put_line(c, buf_str(&by));
    put_line(c, buf_str(&id));
    buf_clear(&by);
    buf_join(&by, STR("Date: "), buf_str(&date));
    put_line(c, buf_str(&by));
}

static void put_header(struct cleanup_client *c, const struct notice *n)
{
    BUF_AUTO(from, 0);
    BUF_AUTO(to, 0);
    BUF_AUTO(subject, 0);

    buf_join(&from, STR("From: Mail Delivery System <MAILER-DAEMON@"), site_conf.myhostname,
             STR(">"));
    buf_add(&to, STR("To: Postmaster <"));
    address_quote(site_conf.error_notice_recipient, &to);
    buf_addc(&to, '>');
    buf_join(&subject, STR("Subject: "), site_conf.mail_name, STR(" "), n->reporter,
             STR(": errors from "), n->peer);
    put_trace(c);
    put_line(c, buf_str(&from));
    put_line(c, buf_str(&to));
    put_line(c, buf_str(&subject));
    put_line(c, STR(""));
}

/* Lines of the transcript are broken at blanks, where they can be. */
static void put_wrapped(struct cleanup_client *c, struct str line)
{
    ARENA_AUTO(arena);

    while (line.len > LINE_WIDTH) {
        size_t blank = str_rfind(str_sub(line, CONTINUATION.len + 1, LINE_WIDTH + 1), ' ');
        if (blank == STR_NOT_FOUND)
            break;
        blank += CONTINUATION.len + 1;
        put_line(c, str_sub(line, 0, blank));
        BUF_AUTO(rest, 0);
        buf_join(&rest, CONTINUATION, str_skip(line, blank + 1));
        line = arena_str(&arena, buf_str(&rest));
    }
    put_line(c, line);
}

static void put_body(struct cleanup_client *c, const struct notice *n)
{
    struct str said = buf_str(&n->said->text);

    if (n->opening.len) {
        put_line(c, n->opening);
        put_line(c, STR(""));
    }
    put_line(c, STR("Transcript of session follows."));
    put_line(c, STR(""));
    while (said.len)
        put_wrapped(c, str_cut(&said, '\n'));
    if (n->said->text.full)
        put_line(c, STR(" (the rest was too long to be kept)"));
    put_line(c, STR(""));
    if (n->ending.len)
        put_line(c, n->ending);
    if (n->ending.ptr)
        put_line(c, STR(""));
    put_line(c, STR("For other details, see the local mail logfile"));
}

bool notice_submit(struct cleanup_client *c, const struct notice *n)
{
    int flags = CLEANUP_FLAG_MAP_OK | cleanup_utf8_flag(STR("notify")) |
                cleanup_filter_flags(STR("notify"));

    if (!cleanup_client_open(c, site_conf.cleanup_service_name, flags, 0, site_conf.ipc_timeout))
        return false;
    put_envelope(c, n);
    put_header(c, n);
    put_body(c, n);
    record_put(cleanup_client_records(c), REC_EXTRACTED, STR_NONE);
    record_put(cleanup_client_records(c), REC_END, STR_NONE);
    return cleanup_client_end(c).status == CLEANUP_OK;
}
