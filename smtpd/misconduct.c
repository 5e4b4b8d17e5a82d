#include "smtpd/misconduct.h"

#include "base/log.h"
#include "smtpd/milters.h"
#include "smtpd/reject_log.h"
#include "smtpd/respond.h"
#include "smtpd/transaction.h"
#include "smtpd/wire.h"
#include "text/escape.h"

#define REPLY(code, text) ((struct smtp_reply){ code, STR(text) })

#define EARLY_SHOWN 100UL /* bytes of what came too early */

static void log_early(struct session *s, struct str after, struct str said)
{
    BUF_AUTO(shown, 4 * EARLY_SHOWN);

    if (s->logged_early)
        return;
    s->logged_early = true;
    escape_encode(str_sub(said, 0, EARLY_SHOWN), 4 * EARLY_SHOWN, &shown);
    log_info("improper command pipelining after " STR_FMT " from " STR_FMT ": " STR_FMT,
             STR_ARG(after), STR_ARG(s->peer.shown), STR_ARG(buf_str(&shown)));
}

static void lose_step(struct session *s)
{
    wire_break_off(s, REPLY(554, "5.5.0 Error: SMTP protocol synchronization"));
}

/* postscreen has had its say about those that it hands on. */
static bool was_passed(const struct session *s) { return service_passed(s->setup->svc).len > 0; }

bool misconduct_early_greeting(struct session *s)
{
    char room[EARLY_SHOWN];

    if (s->is_piped || s->tls || was_passed(s))
        return false;
    struct str said = wire_peek(s, room, sizeof room);
    if (said.len == 0)
        return false;
    log_early(s, STR("CONNECT"), said);
    if (smtpd_conf.smtpd_forbid_unauth_pipelining)
        lose_step(s);
    return smtpd_conf.smtpd_forbid_unauth_pipelining;
}

/* Scripts say all they have to say at once.  Nothing can be smuggled in with a goodbye. */
static bool is_goodbye(struct str bytes) { return str_equal_nocase(bytes, STR("QUIT\r\n")); }

void misconduct_early_input(struct session *s, const struct smtp_event *ev)
{
    if (s->is_piped)
        return;
    log_early(s, smtp_command_name(ev->command), ev->arg);
    if (smtpd_conf.smtpd_forbid_unauth_pipelining && !is_goodbye(ev->arg))
        lose_step(s);
}

static void log_chunk_fault(struct session *s, const struct smtp_event *ev)
{
    const char *id = session_queue_id(s);

    if (ev->fault == SMTP_FAULT_NULL_CHUNK)
        log_warning("%s: null BDAT request from " STR_FMT, id, STR_ARG(s->peer.shown));
    else if (ev->fault == SMTP_FAULT_BIG_CHUNK)
        log_warning("%s: BDAT request from " STR_FMT " exceeds message size limit", id,
                    STR_ARG(s->peer.shown));
    else
        log_warning("%s: malformed BDAT command syntax from " STR_FMT ": " STR_FMT, id,
                    STR_ARG(s->peer.shown), STR_ARG(str_sub(ev->line, 0, 100)));
}

static void log_bare_newline(struct session *s, struct str verb)
{
    log_info("%s: reject: " STR_FMT "%s from " STR_FMT ": bare <LF> received; from=<" STR_FMT
             "> to=<" STR_FMT "> proto=" STR_FMT " helo=<" STR_FMT ">",
             session_queue_id(s), STR_ARG(verb), s->t.in_content ? " content" : "",
             STR_ARG(s->peer.shown), STR_ARG(s->t.sender_path), STR_ARG(s->t.last_rcpt_path),
             STR_ARG(session_protocol(s)), STR_ARG(s->helo));
}

/* The limit is the site's policy; what no file could hold is a matter of syntax. */
static void log_size(struct session *s, const struct smtp_event *ev)
{
    if (str_find_str(ev->reply.text, STR("fixed limit")) == STR_NOT_FOUND)
        return;
    s->where = ev->command;
    transaction_begin(s, ev->mail, ev->line);
    reject_log(s, STR_NONE, ev->reply);
    transaction_end(s);
}

/* A path that has no end, `<a@b` or `<"a@b>`, is noise; nobody is told of it. */
static bool is_unclosed(struct str path)
{
    bool quoted = false, closed = false;

    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == '\\')
            i++;
        else if (path.ptr[i] == '"')
            quoted = !quoted;
        else
            closed |= !quoted && path.ptr[i] == '>';
    }
    return quoted || (str_starts(path, STR("<")) && !closed);
}

static void log_fault(struct session *s, const struct smtp_event *ev)
{
    struct str verb = smtp_command_name(ev->command);

    switch (ev->fault) {
    case SMTP_FAULT_ADDRESS:
        if (is_unclosed(ev->arg))
            break;
        log_warning("Illegal address syntax from " STR_FMT " in " STR_FMT " command: " STR_FMT,
                    STR_ARG(s->peer.shown), STR_ARG(verb), STR_ARG(ev->arg));
        break;
    case SMTP_FAULT_NOTIFY:
        if (ev->arg.len && !str_has(ev->arg, ',')) /* one word, and nobody knows it */
            log_warning("unknown DSN NOTIFY command value \"" STR_FMT "\" in \"" STR_FMT "\"",
                        STR_ARG(ev->arg), STR_ARG(ev->arg));
        break;
    case SMTP_FAULT_NULL_CHUNK:
    case SMTP_FAULT_BIG_CHUNK:
    case SMTP_FAULT_BDAT:
        log_chunk_fault(s, ev);
        break;
    case SMTP_FAULT_TOO_LONG:
        log_warning(STR_FMT ": request longer than %d: " STR_FMT "...", STR_ARG(s->peer.shown),
                    site_conf.line_length_limit, STR_ARG(str_sub(ev->line, 0, 30)));
        break;
    case SMTP_FAULT_SIZE:
        log_size(s, ev);
        break;
    case SMTP_FAULT_BARE_LF:
        log_bare_newline(s, verb);
        break;
    default:
        break;
    }
}

void misconduct_refused(struct session *s, const struct smtp_event *ev)
{
    /* Other lines have been noted when they were seen first. */
    if (ev->fault == SMTP_FAULT_TOO_LONG || ev->fault == SMTP_FAULT_UTF8) {
        transcript_in(&s->transcript, s->peer.shown, str_sub(ev->line, 0, 200));
        s->message_ended = false;
    }
    if (ev->fault != SMTP_FAULT_ADDRESS || !is_unclosed(ev->arg))
        s->faults |= ev->fault == SMTP_FAULT_DENIED ? FAULT_POLICY : FAULT_PROTOCOL;
    log_fault(s, ev);
    respond(s, ev->reply);
}

static bool is_listed(struct match_list *list, struct str verb)
{
    return verb.len && !match_list_is_empty(list) && match_string(list, verb) == MATCH_YES;
}

/* Bytes beyond ASCII tell what the stranger speaks. */
static void add_octal(struct str line, struct buf *out)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        if (c < 128)
            buf_addc(out, (char)c);
        else
            buf_addf(out, "\\%03o", c);
    }
}

static void break_rules(struct session *s, struct str line)
{
    BUF_AUTO(shown, 512);

    add_octal(str_sub(line, 0, 100), &shown);
    log_warning("non-SMTP command from " STR_FMT ": " STR_FMT, STR_ARG(s->peer.shown),
                STR_ARG(buf_str(&shown)));
    s->faults |= FAULT_PROTOCOL;
    wire_break_off(s, REPLY(221, "2.7.0 Error: I can break rules, too. Goodbye."));
}

/* smtpd_command_filter: true when the line is dealt with. */
static bool is_filtered(struct session *s, struct str line)
{
    BUF_AUTO(replacement, 2048);

    if (table_list_is_empty(s->setup->command_filter))
        return false;
    switch (table_list_lookup(s->setup->command_filter, line, &replacement)) {
    case TABLE_FOUND:
        log_info(STR_FMT ": replacing command \"" STR_FMT "\" with \"" STR_FMT "\"",
                 STR_ARG(s->peer.shown), STR_ARG(line), STR_ARG(buf_str(&replacement)));
        smtp_server_replace(&s->dialogue, buf_str(&replacement));
        return true;
    case TABLE_NOT_FOUND:
        return false;
    case TABLE_ERROR:
        break;
    }
    respond_data_error(s, wire_part); /* the command has not begun */
    return true;
}

void misconduct_line(struct session *s, const struct smtp_event *ev)
{
    struct str rest = ev->line, verb = STR("");

    transcript_in(&s->transcript, s->peer.shown, ev->line);
    s->message_ended = s->message_ended && ev->line.len == 0;
    if (is_filtered(s, ev->line))
        return;
    (void)str_token(&rest, " \t", &verb);
    if (is_listed(s->setup->noop_commands, verb))
        respond(s, REPLY(250, "2.0.0 Ok"));
    else if (ev->command == SMTP_CMD_UNKNOWN && is_listed(s->setup->forbidden_commands, verb))
        break_rules(s, ev->line);
}

void misconduct_unknown(struct session *s, const struct smtp_event *ev)
{
    if (ev->header_like) {
        break_rules(s, ev->line);
        return;
    }
    struct smtp_reply other = milters_on_unknown(s, ev->line);
    s->faults |= FAULT_PROTOCOL;
    respond(s, other.code ? other : ev->reply);
}
