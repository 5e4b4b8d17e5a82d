#include "smtpd/commands.h"

#include "base/log.h"
#include "client/verify_sender.h"
#include "smtpd/access/access.h"
#include "smtpd/auth.h"
#include "smtpd/etrn.h"
#include "smtpd/greet.h"
#include "smtpd/limits.h"
#include "smtpd/milters.h"
#include "smtpd/misconduct.h"
#include "smtpd/reject_log.h"
#include "smtpd/respond.h"
#include "smtpd/starttls.h"
#include "smtpd/transaction.h"
#include "smtpd/wire.h"
#include "smtpd/xclient.h"
#include "text/address.h"
#include "text/header.h"

#include <errno.h>
#include <sys/statvfs.h>
#include <time.h>

#define HELO_MAX 512

#define REPLY(code, text) ((struct smtp_reply){ code, STR(text) })

static void on_connect(struct session *s, const struct smtp_event *ev)
{
    struct smtp_reply limit = limits_on_connect(s);

    (void)ev;
    if (s->setup->tls.wraps && !starttls_at_once(s, &limit))
        return;
    s->peer.is_own = interfaces_contain(&s->setup->interfaces, s->peer.address);
    if (limit.code)
        respond(s, limit);
    else
        greet_client(s);
}

static void on_abandon(struct session *s, const struct smtp_event *ev)
{
    (void)ev;
    transaction_end(s);
}

/* Judge at `stage`; on refusal log, answer, and say so. */
static bool refused(struct session *s, enum access_stage stage)
{
    struct smtp_reply verdict = access_judge(s, stage, STR_NONE);

    if (!reply_refuses(verdict))
        return false;
    reject_log(s, STR_NONE, verdict);
    respond(s, verdict);
    return true;
}

static bool recipient_refused(struct session *s, const struct smtp_rcpt *rcpt, struct str line)
{
    struct smtp_rcpt shown = *rcpt;

    shown.path = session_shown_address(rcpt->address);
    struct smtp_reply verdict = access_judge_recipient(s, &shown);
    if (!reply_refuses(verdict))
        return false;
    reject_log(s, shown.path, verdict);
    if (s->where == SMTP_CMD_RCPT)
        milters_on_rejected_rcpt(s, rcpt, line, verdict);
    respond(s, verdict);
    return true;
}

/* What was said long ago matters only to a notice that is due. */
static void trim_transcript(struct session *s)
{
    if (!(s->faults & s->setup->notify))
        transcript_trim(&s->transcript, (unsigned)smtpd_conf.smtpd_history_flush_threshold);
}

/* The name goes into headers and log lines. */
static struct str harmless_name(struct session *s, struct str name)
{
    struct str cut = str_sub(name, 0, HELO_MAX);
    char *copy = arena_cstr(&s->arena, cut);

    header_make_harmless(copy, cut.len);
    return (struct str){ copy, cut.len };
}

/* What XFORWARD said was about a message that will not come. */
static void forget_forwarded(struct session *s) { memset(&s->forwarded, 0, sizeof s->forwarded); }

static void on_helo(struct session *s, const struct smtp_event *ev)
{
    struct str before = s->helo;

    s->where = ev->command;
    forget_forwarded(s);
    trim_transcript(s);
    s->helo = harmless_name(s, ev->arg);
    if (refused(s, ACCESS_HELO)) {
        s->helo = before;
        session_keep(s);
        return;
    }
    session_keep(s);
    if (milters_on_helo(s, ev->kind, before.ptr != NULL))
        return;
    if (ev->kind == SMTP_HELO) {
        respond(s, (struct smtp_reply){ 250, site_conf.myhostname });
        return;
    }
    if (s->offer_unknown) {
        respond_data_error(s, wire_break_off);
        return;
    }
    BUF_AUTO(text, 0);
    smtp_server_ehlo_text(&s->dialogue, &text);
    respond(s, (struct smtp_reply){ 250, buf_str(&text) });
}

/* Is there room in the queue's file system for this message, and half as much again for the next? */
static bool queue_has_space(int64_t message_size)
{
    struct statvfs fs;

    if (statvfs(".", &fs) != 0)
        return true;
    if (fs.f_files > 0 && fs.f_favail == 0) { /* some file systems do not count their files */
        log_warning("not enough free space in mail queue: there is room for no more files");
        return false;
    }
    int64_t available = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    int64_t limit = site_conf.message_size_limit;
    bool enough = available >= smtpd_conf.queue_minfree && available / 3 >= limit / 2 &&
                  available - message_size >= 0;
    if (!enough)
        log_warning("not enough free space in mail queue: %lld bytes < 1.5*message size limit",
                    (long long)available);
    return enough;
}

/* What begins with a dash looks like an option to the commands that mail may be handed to. */
static bool looks_like_option(struct str address)
{
    return !site_conf.allow_min_user && str_starts(address, STR("-"));
}

/* Where routing in the local part leads to must be an address, too; all others have been looked at. */
static bool is_routed_nowhere(struct session *s, struct str address)
{
    struct rewriter *rewriter = s->setup->rewriter;

    return str_find_any(address_split(address).local, "%!@") != STR_NOT_FOUND &&
           (rewrite_resolve(rewriter, STR(""), address, &s->scratch).flags & RESOLVE_ERROR);
}

static bool is_no_address(struct session *s, struct str path, struct str address)
{
    bool bare = s->where == SMTP_CMD_VRFY;

    if (!looks_like_option(address) && !is_routed_nowhere(s, address))
        return false;
    log_warning("Illegal address syntax from " STR_FMT " in " STR_FMT " command: %s" STR_FMT "%s",
                STR_ARG(s->peer.shown), STR_ARG(smtp_command_name(s->where)), bare ? "" : "<",
                STR_ARG(path), bare ? "" : ">");
    s->faults |= FAULT_PROTOCOL;
    return true;
}

/* The sender of a probe of ours may have a name that changes with time; whoever looks at it sees the plain one, which ends
 * at the queue manager. */
static bool is_probe_sender(struct session *s, struct str *address)
{
    BUF_AUTO(plain, 0);

    if (!verify_sender_is_own(*address, time(NULL)))
        return false;
    verify_sender_format_plain(&plain);
    *address = arena_str(&s->scratch, buf_str(&plain));
    return true;
}

/* Filters, and where mail goes, have the last words. */
static bool answered(struct session *s, struct smtp_reply reply)
{
    if (reply.code)
        respond(s, reply);
    return reply.code != 0;
}

static void on_mail(struct session *s, const struct smtp_event *ev)
{
    struct smtp_mail mail = *ev->mail;

    s->where = SMTP_CMD_MAIL;
    if (is_no_address(s, ev->mail->path, ev->mail->address)) {
        respond(s, REPLY(501, "5.1.7 Bad sender address syntax"));
        return;
    }
    if (!queue_has_space(MAX(ev->mail->size, 0))) {
        struct smtp_reply reply = REPLY(452, "4.3.1 Insufficient system storage");
        s->faults |= FAULT_RESOURCE;
        reject_log(s, STR_NONE, reply);
        respond(s, reply);
        return;
    }
    struct smtp_reply limit = limits_on_mail(s);
    if (limit.code) {
        respond(s, limit);
        return;
    }
    (void)is_probe_sender(s, &mail.address);
    transaction_begin(s, &mail, ev->line);
    if (refused(s, ACCESS_MAIL) || answered(s, milters_on_mail(s, ev->line))) {
        transaction_end(s);
        return;
    }
    if (!smtpd_conf.smtpd_delay_open_until_valid_rcpt && answered(s, transaction_open(s))) {
        transaction_end(s);
        return;
    }
    respond(s, REPLY(250, "2.1.0 Ok"));
}

/* A client may run into the limit for a while before that counts as a mistake. */
static void too_many_recipients(struct session *s)
{
    struct smtp_reply reply = REPLY(452, "4.5.3 Error: too many recipients");

    if (++s->t.overshoot <= (unsigned)smtpd_conf.smtpd_recipient_overshoot_limit)
        respond_mildly(s, reply);
    else
        respond(s, reply);
}

static void on_rcpt(struct session *s, const struct smtp_event *ev)
{
    struct smtp_rcpt rcpt = *ev->rcpt;

    s->where = SMTP_CMD_RCPT;
    if (is_no_address(s, ev->rcpt->path, ev->rcpt->address)) {
        respond(s, REPLY(501, "5.1.3 Bad recipient address syntax"));
        return;
    }
    if (s->t.rcpt_accepted >= smtpd_conf.smtpd_recipient_limit) {
        too_many_recipients(s);
        return;
    }
    s->t.last_rcpt_path = arena_str(&s->t.arena, session_shown_address(ev->rcpt->address));
    struct smtp_reply limit = limits_on_recipient(s);
    if (limit.code) {
        respond(s, limit);
        return;
    }
    if ((!is_probe_sender(s, &rcpt.address) && recipient_refused(s, &rcpt, ev->line)) ||
        answered(s, milters_on_rcpt(s, &rcpt, ev->line)))
        return;
    if (answered(s, transaction_open(s)) ||
        answered(s, transaction_add_recipient(s, &rcpt, ev->line)))
        return;
    respond(s, REPLY(250, "2.1.5 Ok"));
}

static void on_data(struct session *s, const struct smtp_event *ev)
{
    (void)ev;
    s->where = SMTP_CMD_DATA;
    if (refused(s, ACCESS_DATA) || answered(s, milters_on_data(s)) ||
        answered(s, transaction_begin_content(s)))
        return;
    respond(s, REPLY(354, "End data with <CR><LF>.<CR><LF>"));
}

static void on_bdat(struct session *s, const struct smtp_event *ev)
{
    if (!ev->first)
        return;
    s->where = SMTP_CMD_BDAT;
    if (!refused(s, ACCESS_DATA) && !answered(s, milters_on_data(s)))
        (void)answered(s, transaction_begin_content(s));
}

static void on_text(struct session *s, const struct smtp_event *ev)
{
    if (ev->bare_lf && !s->logged_bare_lf && s->dialogue.options.bare_newline == SMTP_BARE_NOTE) {
        s->logged_bare_lf = true;
        log_info("%s: " STR_FMT " content from " STR_FMT ": bare <LF> received",
                 session_queue_id(s), STR_ARG(smtp_command_name(ev->command)),
                 STR_ARG(s->peer.shown));
    }
    transaction_add_text(s, ev->arg, ev->ends_line);
}

static void on_chunk(struct session *s, const struct smtp_event *ev)
{
    BUF_AUTO(text, 64);

    buf_addf(&text, "2.0.0 Ok: %lld bytes", (long long)ev->size);
    respond(s, (struct smtp_reply){ 250, buf_str(&text) });
}

static void on_message(struct session *s, const struct smtp_event *ev)
{
    ARENA_AUTO(arena);

    s->where = SMTP_CMD_UNKNOWN; /* END-OF-MESSAGE */
    s->message_ended = true;
    s->t.in_content = false;
    struct smtp_reply verdict = access_judge(s, ACCESS_END_OF_DATA, STR_NONE);
    if (reply_refuses(verdict)) {
        reject_log(s, STR_NONE, verdict);
    } else {
        verdict = transaction_commit(s, ev->command, &arena);
        if (verdict.code == 250)
            s->faults = 0; /* who gets mail through is no trouble */
    }
    transaction_end(s);
    respond(s, verdict);
    trim_transcript(s);
}

static void on_rset(struct session *s, const struct smtp_event *ev)
{
    (void)ev;
    forget_forwarded(s);
    trim_transcript(s);
    respond(s, REPLY(250, "2.0.0 Ok"));
}

static void on_noop(struct session *s, const struct smtp_event *ev)
{
    (void)ev;
    respond(s, REPLY(250, "2.0.0 Ok"));
}

static void on_vrfy(struct session *s, const struct smtp_event *ev)
{
    BUF_AUTO(text, 0);

    s->where = SMTP_CMD_VRFY;
    if (milters_bar(s, SMTP_CMD_VRFY))
        return;
    if (is_no_address(s, ev->arg, ev->rcpt->address)) {
        respond(s, REPLY(501, "5.1.3 Bad recipient address syntax"));
        return;
    }
    if (recipient_refused(s, ev->rcpt, ev->line))
        return;
    buf_join(&text, STR("2.0.0 "), ev->arg);
    respond(s, (struct smtp_reply){ 252, buf_str(&text) });
}

static void on_refused(struct session *s, const struct smtp_event *ev)
{
    if (ev->command != SMTP_CMD_AUTH || !auth_refuse(s, ev))
        misconduct_refused(s, ev);
}

static void on_usual(struct session *s, const struct smtp_event *ev) { respond(s, ev->reply); }

static const struct {
    enum smtp_event_kind kind;
    void (*handle)(struct session *s, const struct smtp_event *ev);
} handlers[] = {
    { SMTP_CONNECT, on_connect },
    { SMTP_EARLY_INPUT, misconduct_early_input },
    { SMTP_LINE, misconduct_line },
    { SMTP_REFUSED, on_refused },
    { SMTP_UNKNOWN, misconduct_unknown },
    { SMTP_ABANDON, on_abandon },
    { SMTP_HELO, on_helo },
    { SMTP_EHLO, on_helo },
    { SMTP_MAIL, on_mail },
    { SMTP_RCPT, on_rcpt },
    { SMTP_DATA, on_data },
    { SMTP_BDAT, on_bdat },
    { SMTP_TEXT, on_text },
    { SMTP_CHUNK, on_chunk },
    { SMTP_MESSAGE, on_message },
    { SMTP_RSET, on_rset },
    { SMTP_NOOP, on_noop },
    { SMTP_VRFY, on_vrfy },
    { SMTP_ETRN, etrn_handle },
    { SMTP_HELP, on_usual },
    { SMTP_QUIT, on_usual },
    { SMTP_XCLIENT, xclient_handle },
    { SMTP_XFORWARD, xforward_handle },
    { SMTP_STARTTLS, starttls_handle },
    { SMTP_AUTH, auth_handle },
    { SMTP_AUTH_RESPONSE, auth_continue },
};

void commands_handle(struct session *s, const struct smtp_event *ev)
{
    if (ev->kind != SMTP_TEXT)
        arena_reset(&s->scratch);
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        if (handlers[i].kind == ev->kind) {
            handlers[i].handle(s, ev);
            return;
        }
    }
    /* An extension that options.c does not offer. */
    respond(s, REPLY(502, "5.5.1 Error: command not implemented"));
}
