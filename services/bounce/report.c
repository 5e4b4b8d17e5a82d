#include "services/bounce/report.h"

#include "base/utf8.h"
#include "text/dsn.h"

#define COLUMNS 79

/* The next word of `text` with the blanks in front of it. */
struct spaced_word {
    size_t blanks;
    struct str word;
};

static struct spaced_word take_word(struct str *text)
{
    struct spaced_word w = { 0 };
    size_t end;

    while (w.blanks < text->len && char_is_space(text->ptr[w.blanks]))
        w.blanks++;
    for (end = w.blanks; end < text->len && !char_is_space(text->ptr[end]);)
        end++;
    w.word = str_sub(*text, w.blanks, end);
    *text = str_skip(*text, end);
    return w;
}

/* Blanks inside of a line stay as many as they were.  Whatever kind of white space they were: a line
 * break in what a server said must not begin a field of ours. */
void report_wrap(struct str text, size_t used, struct buf *out)
{
    bool first = true;

    for (text = str_trim(text); text.len; first = false) {
        struct spaced_word w = take_word(&text);
        if (!first && used + w.blanks + w.word.len > COLUMNS) {
            buf_add(out, STR("\n    "));
            used = 4;
            w.blanks = 0;
        }
        for (size_t i = 0; i < w.blanks; i++)
            buf_addc(out, ' ');
        buf_add_printable(out, w.word);
        used += w.blanks + w.word.len;
    }
    buf_addc(out, '\n');
}

bool report_wants(enum template_kind kind, const struct bounce_append *e)
{
    int notify = e->dsn_notify;

    if (notify & DSN_NOTIFY_NEVER)
        return false;
    switch (kind) {
    case TEMPLATE_FAILURE:
        return notify == 0 || (notify & DSN_NOTIFY_FAILURE);
    case TEMPLATE_DELAY:
        return notify == 0 || (notify & DSN_NOTIFY_DELAY);
    default:
        return true; /* it was recorded because somebody asked */
    }
}

/* ---- headers ---- */

static void put_header(struct buf *out, const char *name, struct str value)
{
    if (value.len)
        buf_join(out, str_from(name), STR(": "), value, STR("\n"));
}

/* The same for values that come from strangers. */
static void put_field(struct buf *out, const char *name, struct str value)
{
    if (value.len == 0)
        return;
    buf_join(out, str_from(name), STR(": "));
    buf_add_printable(out, value);
    buf_addc(out, '\n');
}

static void put_mime_type(struct buf *out, const struct report *r)
{
    buf_join(out, STR("MIME-Version: 1.0\nContent-Type: multipart/report; report-type="),
             r->utf8 ? STR("global-delivery-status") : STR("delivery-status"),
             STR(";\n\tboundary=\""), r->boundary, STR("\"\n"));
    if (r->eight_bit)
        buf_add(out, STR("Content-Transfer-Encoding: 8bit\n"));
}

static void put_head(struct buf *out, const struct report *r)
{
    buf_join(out, STR("Received: by "), r->hostname, STR(" ("), r->mail_name, STR(")\n\tid "),
             r->new_id, STR("; "), r->date, STR("\n"));
    put_header(out, "Date", r->date);
    put_header(out, "From", r->from);
    put_header(out, "Subject", r->subject);
    put_field(out, "To", r->to);
    put_field(out, "References", r->references);
    put_field(out, "In-Reply-To", r->in_reply_to);
    if (r->tls_optional)
        put_header(out, "TLS-Required", STR("no"));
    put_header(out, "Auto-Submitted",
               r->to_postmaster ? STR("auto-generated") : STR("auto-replied"));
    put_mime_type(out, r);
    buf_add(out, STR("\nThis is a MIME-encapsulated message.\n"));
}

static void put_part(struct buf *out, const struct report *r, struct str description,
                     struct str type, bool eight_bit)
{
    buf_join(out, STR("\n--"), r->boundary, STR("\nContent-Description: "), description,
             STR("\nContent-Type: "), type, STR("\n"));
    if (eight_bit)
        buf_add(out, STR("Content-Transfer-Encoding: 8bit\n"));
    buf_addc(out, '\n');
}

/* ---- part 1: for people ---- */

static void put_person_line(struct buf *out, const struct bounce_append *e)
{
    BUF_AUTO(line, 0);

    buf_join(&line, STR("<"), e->recipient, STR(">"));
    if (e->orig_rcpt.len && !str_equal(e->orig_rcpt, e->recipient))
        buf_join(&line, STR(" (expanded from <"), e->orig_rcpt, STR(">)"));
    buf_join(&line, STR(": "), e->reason);
    report_wrap(buf_str(&line), 0, out);
}

static void put_notification(struct buf *out, const struct report *r)
{
    BUF_AUTO(type, 0);

    buf_join(&type, STR("text/plain; charset="), r->utf8 ? STR("utf-8") : r->charset);
    put_part(out, r, STR("Notification"), buf_str(&type), r->eight_bit);
    if (!r->to_postmaster)
        buf_add(out, r->text);
    for (size_t i = 0; i < r->entry_count; i++) {
        buf_addc(out, '\n');
        put_person_line(out, &r->entries[i]);
    }
}

/* ---- part 2: for programs ---- */

static struct str address_type(struct str address)
{
    return utf8_is_ascii(address) ? STR("rfc822") : STR("utf-8");
}

static void put_with_type(struct buf *out, const char *name, struct str type, struct str value)
{
    BUF_AUTO(text, 0);

    buf_join(&text, type, STR("; "), value);
    put_field(out, name, buf_str(&text));
}

static void put_typed(struct buf *out, const char *name, struct str address)
{
    put_with_type(out, name, address_type(address), address);
}

static void put_wrapped(struct buf *out, struct str name, struct str type, struct str text)
{
    BUF_AUTO(value, 0);

    buf_join(&value, type, STR("; "), text);
    buf_join(out, name, STR(": "));
    report_wrap(buf_str(&value), name.len + 2, out);
}

static struct str action_of(const struct report *r, const struct bounce_append *e)
{
    if (r->kind == TEMPLATE_FAILURE)
        return STR("failed"); /* also what was deferred until it expired */
    if (r->kind == TEMPLATE_DELAY)
        return STR("delayed");
    return e->action.len ? e->action : STR("delivered");
}

static struct str status_of(const struct report *r, const struct bounce_append *e)
{
    if (e->status.len)
        return e->status;
    return r->kind == TEMPLATE_FAILURE ? STR("5.0.0")
           : r->kind == TEMPLATE_DELAY ? STR("4.0.0")
                                       : STR("2.0.0");
}

static void put_recipient(struct buf *out, const struct report *r, const struct bounce_append *e)
{
    buf_addc(out, '\n');
    put_typed(out, "Final-Recipient", e->recipient);
    if (e->dsn_orcpt.len)
        put_field(out, "Original-Recipient", e->dsn_orcpt);
    else if (e->orig_rcpt.len)
        put_typed(out, "Original-Recipient", e->orig_rcpt);
    put_field(out, "Action", action_of(r, e));
    put_field(out, "Status", status_of(r, e));
    if (e->mta_name.len)
        put_with_type(out, "Remote-MTA", e->mta_type.len ? e->mta_type : STR("dns"), e->mta_name);
    if (e->diag_type.len && e->diag_text.len)
        put_wrapped(out, STR("Diagnostic-Code"), e->diag_type, e->diag_text);
    else
        put_wrapped(out, STR("Diagnostic-Code"), STR("X-Postfix"), e->reason);
    if (r->kind == TEMPLATE_DELAY)
        put_field(out, "Will-Retry-Until", r->retry_until);
}

static void put_status(struct buf *out, const struct report *r)
{
    put_part(out, r, STR("Delivery report"),
             r->utf8 ? STR("message/global-delivery-status") : STR("message/delivery-status"),
             r->utf8);
    buf_join(out, STR("Reporting-MTA: dns; "), r->hostname, STR("\n"));
    put_field(out, "Original-Envelope-Id", r->envid);
    put_field(out, "X-Postfix-Queue-ID", r->queue_id);
    if (r->sender.len)
        put_typed(out, "X-Postfix-Sender", r->sender);
    put_field(out, "Arrival-Date", r->arrival_date);
    for (size_t i = 0; i < r->entry_count; i++)
        put_recipient(out, r, &r->entries[i]);
}

/* ---- part 3: the message ---- */

static struct str message_type(const struct report *r)
{
    if (r->headers_only)
        return r->utf8 ? STR("message/global-headers") : STR("text/rfc822-headers");
    return r->utf8 ? STR("message/global") : STR("message/rfc822");
}

static struct str message_description(const struct report *r)
{
    if (r->kind == TEMPLATE_FAILURE || r->kind == TEMPLATE_DELAY)
        return r->headers_only ? STR("Undelivered Message Headers") : STR("Undelivered Message");
    return r->headers_only ? STR("Message Headers") : STR("Message");
}

void report_format(const struct report *r, struct buf *out)
{
    put_head(out, r);
    put_notification(out, r);
    put_status(out, r);
    put_part(out, r, message_description(r), message_type(r), r->eight_bit);
    buf_add(out, STR("Return-Path: <"));
    buf_add_printable(out, r->sender);
    buf_add(out, STR(">\n"));
}

void report_format_end(const struct report *r, struct buf *out)
{
    buf_join(out, STR("\n--"), r->boundary, STR("--\n"));
}
