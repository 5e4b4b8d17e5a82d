/* Making reports and handing them to cleanup(8). */
#include "base/log.h"
#include "client/cleanup.h"
#include "queue/file.h"
#include "services/bounce/bounce.h"
#include "services/bounce/values.h"
#include "text/address.h"
#include "text/date.h"
#include "text/dsn.h"

#include <time.h>

/* Words of the log and of the copies, by kind. */
static const struct {
    const char *sender_notice, *postmaster_notice;
    const char *notice_class;
    /* Of messages without a sender: words of the log, and the classes that ask for the notice. */
    const char *orphan_notice, *orphan_classes;
} words[TEMPLATE_COUNT] = {
    [TEMPLATE_FAILURE] = { "sender non-delivery notification",
                           "postmaster non-delivery notification", "bounce",
                           "postmaster non-delivery notification", "bounce 2bounce" },
    [TEMPLATE_DELAY] = { "sender delay notification", "postmaster delay notification", "delay",
                         NULL, "" },
    [TEMPLATE_SUCCESS] = { "sender delivery status notification", NULL, NULL,
                           "sender delivery status notification", "2bounce" },
    [TEMPLATE_VERIFY] = { "sender delivery status notification", NULL, NULL,
                          "sender delivery status notification", "2bounce" },
};

/* One report under way. */
struct notice {
    const struct bounce_service *b;
    const struct bounce_report *about;
    struct original *original;
    struct arena *arena;
    struct report report;
    struct str from, to; /* envelope, internal form */
    struct cleanup_client *client;
};

/* ---- filling in ---- */

static struct str format_date(struct arena *a, int64_t when)
{
    BUF_AUTO(text, 100);
    time_t t = (time_t)when;
    struct tm tm = { 0 };

    localtime_r(&t, &tm);
    date_format(&tm, tm.tm_gmtoff, str_from(tm.tm_zone ? tm.tm_zone : ""), &text);
    return arena_str(a, buf_str(&text));
}

/* "addr (Name)" as "Name <addr>", unless the site likes the older form. */
static struct str format_from(struct arena *a, struct str from)
{
    size_t open = str_find(from, '(');
    BUF_AUTO(text, 0);

    if (str_equal(site_conf.header_from_format, STR("obsolete")) || open == STR_NOT_FOUND ||
        !str_ends(from, STR(")")) || str_has(from, '<'))
        return from;
    address_quote_phrase(str_sub(from, open + 1, from.len - 1), &text);
    buf_join(&text, STR(" <"), str_trim(str_sub(from, 0, open)), STR(">"));
    return arena_str(a, buf_str(&text));
}

static struct str external(struct arena *a, struct str address)
{
    BUF_AUTO(text, 0);

    address_quote(address, &text);
    return arena_str(a, buf_str(&text));
}

static struct str boundary_of(const struct notice *n, int64_t now)
{
    BUF_AUTO(text, 0);

    buf_join(&text, n->about->queue_id, STR("."));
    buf_add_int(&text, now);
    buf_join(&text, STR("/"), conf_value(service_conf(n->b->svc), STR("myhostname")));
    return arena_str(n->arena, buf_str(&text));
}

static struct str expanded_text(struct notice *n, const struct bounce_template *t)
{
    BUF_AUTO(text, 0);

    template_expand_conf(service_conf(n->b->svc), n->report.kind, t, &text);
    return arena_str(n->arena, buf_str(&text));
}

static void thread(struct notice *n)
{
    const struct original *o = n->original;
    BUF_AUTO(text, 0);

    if (o->message_id.len == 0)
        return;
    buf_join(&text, o->references, o->references.len ? STR(" ") : STR_NONE, o->message_id);
    n->report.references = arena_str(n->arena, buf_str(&text));
    n->report.in_reply_to = o->message_id;
}

static bool is_about_success(const struct notice *n)
{
    return n->report.kind == TEMPLATE_SUCCESS || n->report.kind == TEMPLATE_VERIFY;
}

/* The message itself goes back unless the sender, its size or its secrecy forbid it. */
/* Its sender insists on TLS at every hop. */
static bool is_secret(const struct notice *n) { return n->about->sendopts & SENDOPT_REQUIRETLS; }

/* Then the report says little and goes any way, or it is as secret as the message was. */
static bool is_redacted(const struct notice *n)
{
    return is_secret(n) && bounce_conf.requiretls_redact_dsn;
}

static bool headers_suffice(const struct notice *n)
{
    bool is_copy = n->report.to_postmaster && n->about->sender.len;

    return n->report.kind == TEMPLATE_DELAY || is_copy || is_redacted(n) ||
           n->about->dsn_ret == DSN_RET_HDRS ||
           n->original->text_size > site_conf.bounce_size_limit ||
           is_about_success(n); /* RFC 3461 section 4.3: RET is about failures */
}

/* Who is named as the sender of a message that has none. */
static struct str daemon_address(const struct notice *n)
{
    BUF_AUTO(text, 0);

    buf_join(&text, STR("MAILER-DAEMON@"), conf_value(service_conf(n->b->svc), STR("myhostname")));
    return arena_str(n->arena, buf_str(&text));
}

static void fill_report(struct notice *n)
{
    struct report *r = &n->report;
    const struct bounce_template *t = &n->b->templates.of[r->kind];
    int64_t now = clock_wall().tv_sec;

    r->hostname = conf_value(service_conf(n->b->svc), STR("myhostname"));
    r->mail_name = site_conf.mail_name;
    r->queue_id = n->about->queue_id;
    r->date = format_date(n->arena, now);
    r->arrival_date = format_date(n->arena, n->about->arrival_sec);
    r->retry_until =
        format_date(n->arena, n->about->arrival_sec + qmgr_conf.maximal_queue_lifetime);
    r->boundary = boundary_of(n, now);
    r->from = str_equal(t->origin, STR("[built-in]")) ? format_from(n->arena, t->from) : t->from;
    r->subject = r->to_postmaster && t->postmaster_subject.len ? t->postmaster_subject : t->subject;
    r->charset = site_conf.smtputf8_enable && str_equal_nocase(t->charset, STR("us-ascii"))
                     ? STR("utf-8")
                     : t->charset;
    r->to = external(n->arena, n->to);
    r->text = r->to_postmaster ? STR_NONE : expanded_text(n, t);
    r->sender = external(n->arena, n->about->sender.len ? n->about->sender : daemon_address(n));
    r->envid = n->about->dsn_envid;
    r->utf8 = n->about->sendopts & SENDOPT_SMTPUTF8;
    r->eight_bit =
        r->utf8 || site_conf.smtputf8_enable || str_equal_nocase(n->about->encoding, STR("8bit"));
    r->tls_optional = (n->about->sendopts & SENDOPT_TLS_OPTIONAL) && !is_secret(n);
    r->headers_only = headers_suffice(n);
    thread(n);
}

/* ---- submission ---- */

static struct buf *records(void *context)
{
    const struct notice *n = context;

    return cleanup_client_records(n->client);
}

static void pump(void *context)
{
    const struct notice *n = context;

    cleanup_client_pump(n->client);
}

static void put_lines(struct notice *n, struct str text)
{
    while (text.len) {
        record_put_line(records(n), str_cut(&text, '\n'), (size_t)site_conf.line_length_limit);
        pump(n);
    }
}

static int submit_flags(void)
{
    return CLEANUP_FLAG_MAP_OK | cleanup_utf8_flag(STR("bounce")) |
           cleanup_filter_flags(STR("bounce"));
}

static int submit_sendopts(const struct notice *n)
{
    return (n->about->sendopts & SENDOPT_SMTPUTF8) |
           (n->report.tls_optional ? SENDOPT_TLS_OPTIONAL : 0) |
           (is_secret(n) && !is_redacted(n) ? SENDOPT_REQUIRETLS : 0);
}

static void put_envelope(struct notice *n)
{
    struct buf *out = records(n);

    record_put_attr(out, "rewrite_context", STR("local"));
    record_put_attr(out, "log_message_origin", STR("local"));
    if (n->report.eight_bit)
        record_put_attr(out, "encoding", STR("8bit"));
    record_put(out, REC_SENDER, n->from);
    record_put(out, REC_RCPT, n->to);
    record_put(out, REC_MESSAGE, STR_NONE);
}

static void put_message(struct notice *n)
{
    BUF_AUTO(text, 0);

    report_format(&n->report, &text);
    put_lines(n, buf_str(&text));
    original_copy(n->original, n->report.headers_only, records, pump, n);
    buf_clear(&text);
    report_format_end(&n->report, &text);
    put_lines(n, buf_str(&text));
    record_put(records(n), REC_EXTRACTED, STR_NONE);
    record_put(records(n), REC_END, STR_NONE);
    pump(n);
}

static bool submit(struct notice *n, const char *what)
{
    struct cleanup_client client = CLEANUP_CLIENT_INIT;

    if (!cleanup_client_open(&client, site_conf.cleanup_service_name, submit_flags(),
                             submit_sendopts(n), site_conf.ipc_timeout)) {
        log_warning(STR_FMT ": %s: cleanup service failure", STR_ARG(n->about->queue_id), what);
        return false;
    }
    n->client = &client;
    n->report.new_id = arena_str(n->arena, queue_id_str(&client.id));
    put_envelope(n);
    put_message(n);
    n->client = NULL;
    struct cleanup_verdict verdict = cleanup_client_end(&client);

    if (verdict.status == CLEANUP_OK)
        log_info(STR_FMT ": %s: " STR_FMT, STR_ARG(n->about->queue_id), what,
                 STR_ARG(n->report.new_id));
    else
        log_warning(STR_FMT ": %s: not accepted by cleanup: status %d " STR_FMT,
                    STR_ARG(n->about->queue_id), what, verdict.status, STR_ARG(verdict.reason));
    cleanup_client_close(&client);
    return verdict.status == CLEANUP_OK;
}

/* ---- who is told ---- */

static bool send_one(struct notice *n, struct str from, struct str to, bool postmaster,
                     const char *what)
{
    n->from = from;
    n->to = to;
    n->report.to_postmaster = postmaster;
    fill_report(n);
    return submit(n, what);
}

static struct str double_bounce_address(const struct notice *n)
{
    BUF_AUTO(text, 0);

    buf_join(&text, site_conf.double_bounce_sender, STR("@"),
             conf_value(service_conf(n->b->svc), STR("myhostname")));
    return arena_str(n->arena, buf_str(&text));
}

static bool is_double_bounce(const struct notice *n)
{
    struct address_parts sender = address_split(n->about->sender);
    struct conf *conf = service_conf(n->b->svc);

    return str_equal_nocase(sender.local, site_conf.double_bounce_sender) &&
           (sender.domain.len == 0 ||
            str_equal_nocase(sender.domain, conf_value(conf, STR("myhostname"))) ||
            str_equal_nocase(sender.domain, conf_value(conf, STR("myorigin"))));
}

/* Is a notice of one of these classes wanted? */
static bool is_wanted(const char *classes)
{
    struct str left = str_from(classes), word;

    while (str_token(&left, " ", &word))
        if (str_has_word(site_conf.notify_classes, word))
            return true;
    return false;
}

static bool tell_postmaster(struct notice *n, struct str recipients, const char *what)
{
    struct str to;
    bool ok = true;

    while (str_token(&recipients, ", \t\r\n", &to))
        ok = send_one(n, double_bounce_address(n), to, !is_about_success(n), what) && ok;
    return ok;
}

/* list+user=example.com@lists.example */
static struct str verp_address(const struct notice *n, const struct bounce_append *entry)
{
    struct str delims = n->about->verp_delims, list = n->about->sender;
    struct str rcpt = entry->orig_rcpt.len ? entry->orig_rcpt : entry->recipient;
    struct address_parts sender = address_split(list);
    BUF_AUTO(internal, 0);
    BUF_AUTO(text, 0);

    struct address_parts parts =
        address_split(address_unquote(rcpt, &internal) ? buf_str(&internal) : rcpt);
    buf_join(&text, sender.local, str_sub(delims, 0, 1), parts.local);
    if (parts.domain.len)
        buf_join(&text, str_sub(delims, 1, 2), parts.domain);
    if (sender.domain.len)
        buf_join(&text, STR("@"), sender.domain);
    return text.len <= RECORD_FACT_MAX ? arena_str(n->arena, buf_str(&text)) : list;
}

static bool tell_verp_senders(struct notice *n, const struct bounce_append *entries, size_t count)
{
    const char *what = words[n->report.kind].sender_notice;

    for (size_t i = 0; i < count; i++) {
        n->report.entries = &entries[i];
        n->report.entry_count = 1;
        if (!send_one(n, STR_NONE, verp_address(n, &entries[i]), false, what))
            return false;
    }
    n->report.entries = entries;
    n->report.entry_count = count;
    return true;
}

static struct str copy_recipient(enum template_kind kind)
{
    return kind == TEMPLATE_DELAY ? bounce_conf.delay_notice_recipient
                                  : site_conf.bounce_notice_recipient;
}

static bool tell_sender(struct notice *n, bool verp)
{
    enum template_kind kind = n->report.kind;
    struct str to = n->about->owner.len ? n->about->owner : n->about->sender;

    return verp && n->about->verp_delims.len == 2
               ? tell_verp_senders(n, n->report.entries, n->report.entry_count)
               : send_one(n, STR_NONE, to, false, words[kind].sender_notice);
}

static void log_not_sent(const struct notice *n, const char *why)
{
    log_info(STR_FMT ": not sending trace/success notification for %s message",
             STR_ARG(n->about->queue_id), why);
}

/* Nobody is told about a notice of our own. */
static void discard(const struct notice *n)
{
    if (is_about_success(n))
        log_not_sent(n, "double-bounce");
    else
        log_warning(STR_FMT ": undeliverable postmaster notification discarded",
                    STR_ARG(n->about->queue_id));
}

/* About a message without a sender. */
static bool tell_of_orphan(struct notice *n)
{
    enum template_kind kind = n->report.kind;

    if (is_wanted(words[kind].orphan_classes))
        return tell_postmaster(n, site_conf.notice_recipient_2bounce, words[kind].orphan_notice);
    if (is_about_success(n))
        log_not_sent(n, "single-bounce");
    return true;
}

static bool tell(struct notice *n, bool verp)
{
    if (is_double_bounce(n)) {
        discard(n);
        return true;
    }
    return n->about->sender.len ? tell_sender(n, verp) : tell_of_orphan(n);
}

static void copy_to_postmaster(struct notice *n)
{
    enum template_kind kind = n->report.kind;

    if (words[kind].notice_class && n->about->sender.len && !is_double_bounce(n) &&
        is_wanted(words[kind].notice_class))
        (void)tell_postmaster(n, copy_recipient(kind), words[kind].postmaster_notice);
}

/* A notice to the postmaster has all recipients, also those whose sender did not want to know. */
static bool tells_all(const struct bounce_report *about, enum template_kind kind)
{
    return about->sender.len == 0 && kind == TEMPLATE_FAILURE;
}

bool bounce_notify(const struct bounce_service *b, const struct bounce_report *about,
                   enum template_kind kind, const struct bounce_append *entries, size_t count,
                   bool verp)
{
    ARENA_AUTO(arena);
    struct original original;
    struct bounce_append *wanted = arena_alloc(&arena, (count + 1) * sizeof *wanted);
    size_t wanted_count = 0;

    for (size_t i = 0; i < count; i++)
        if (report_wants(kind, &entries[i]) || tells_all(about, kind))
            wanted[wanted_count++] = entries[i];
    original_open(b, about, &arena, &original);
    struct notice n = { .b = b,
                        .about = about,
                        .original = &original,
                        .arena = &arena,
                        .report = {
                            .kind = kind, .entries = wanted, .entry_count = wanted_count } };
    bool ok = wanted_count == 0 || tell(&n, verp);

    if (ok && count) { /* a copy that cannot be made is no reason to tell the sender again */
        n.report.entries = entries;
        n.report.entry_count = count;
        copy_to_postmaster(&n);
    }
    original_close(&original);
    return ok;
}
