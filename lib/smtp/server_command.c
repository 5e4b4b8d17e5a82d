/* The commands: syntax, order, and the replies to what breaks them. */
#include "base/utf8.h"
#include "smtp/server_state.h"
#include "text/hostname.h"

#define BLANKS " \t"

struct command {
    bool before_tls; /* allowed where TLS is required */
    struct smtp_event (*run)(struct smtp_server *s, struct str args);
};

static struct smtp_event refuse(struct smtp_server *s, enum smtp_command c, enum smtp_fault fault,
                                int code, struct str text)
{
    return smtp_event_refuse(s, c, fault, code, text);
}

static struct smtp_event no_greeting(struct smtp_server *s, enum smtp_command c)
{
    return refuse(s, c, SMTP_FAULT_ORDER, 503, STR("5.5.1 Error: send HELO/EHLO first"));
}

static struct smtp_event in_transaction(struct smtp_server *s, enum smtp_command c)
{
    return refuse(s, c, SMTP_FAULT_ORDER, 503, STR("5.5.1 Error: MAIL transaction in progress"));
}

static struct smtp_event not_implemented(struct smtp_server *s, enum smtp_command c)
{
    return refuse(s, c, SMTP_FAULT_OPTION, 502, STR("5.5.1 Error: command not implemented"));
}

static bool must_greet(const struct smtp_server *s)
{
    return s->options.helo_required && !s->state->greeted;
}

static struct smtp_event greet(struct smtp_server *s, enum smtp_command c, struct str args,
                               struct str usage)
{
    if (args.len == 0)
        return refuse(s, c, SMTP_FAULT_SYNTAX, 501, usage);
    struct smtp_event ev = smtp_event_ask(s, c == SMTP_CMD_EHLO ? SMTP_EHLO : SMTP_HELO, c);
    ev.arg = args;
    return smtp_event_after_abandon(s, ev);
}

static struct smtp_event run_helo(struct smtp_server *s, struct str args)
{
    return greet(s, SMTP_CMD_HELO, args, STR("Syntax: HELO hostname"));
}

static struct smtp_event run_ehlo(struct smtp_server *s, struct str args)
{
    return greet(s, SMTP_CMD_EHLO, args, STR("Syntax: EHLO hostname"));
}

/* ---- the transaction ---- */

static struct smtp_path_rules path_rules(const struct smtp_server *s)
{
    const struct smtp_server_options *o = &s->options;

    return (struct smtp_path_rules){ .strict = o->strict_addresses,
                                     .odd_domains = o->odd_domains,
                                     .smtputf8 = o->smtputf8,
                                     .strict_smtputf8 = o->smtputf8 && o->strict_smtputf8,
                                     .requiretls = o->requiretls && s->secured,
                                     .dsn = o->dsn,
                                     .verp = o->verp,
                                     .auth = o->auth,
                                     .size_limit = o->message_size_limit,
                                     .address_limit = o->address_limit,
                                     .value_limit = o->value_limit,
                                     .verp_filter = o->verp_filter };
}

static struct smtp_event bad_path(struct smtp_server *s, enum smtp_command c,
                                  const struct smtp_path_error *error)
{
    static const enum smtp_fault faults[] = { [SMTP_PATH_SYNTAX] = SMTP_FAULT_SYNTAX,
                                              [SMTP_PATH_ADDRESS] = SMTP_FAULT_ADDRESS,
                                              [SMTP_PATH_NOTIFY] = SMTP_FAULT_NOTIFY,
                                              [SMTP_PATH_OPTION] = SMTP_FAULT_OPTION,
                                              [SMTP_PATH_SIZE] = SMTP_FAULT_SIZE };
    struct smtp_event ev = refuse(s, c, faults[error->what], error->code, error->text);

    ev.arg = error->arg;
    if (ev.fault == SMTP_FAULT_SIZE)
        ev.mail = &s->state->mail;
    return ev;
}

/* As the client sees it. */
static bool has_sender(const struct smtp_server_state *st)
{
    return st->transaction != SMTP_NO_TRANSACTION || st->bdat_lost;
}

/* The last chunk, or RSET, is to come. */
static bool is_between_chunks(const struct smtp_server_state *st)
{
    return st->bdat || st->bdat_failed;
}

static struct smtp_event run_mail(struct smtp_server *s, struct str args)
{
    struct smtp_server_state *st = s->state;
    struct smtp_path_rules rules = path_rules(s);
    struct smtp_path_error error;

    if (must_greet(s))
        return no_greeting(s, SMTP_CMD_MAIL);
    if (has_sender(st))
        return refuse(s, SMTP_CMD_MAIL, SMTP_FAULT_ORDER, 503,
                      STR("5.5.1 Error: nested MAIL command"));
    if (is_between_chunks(st))
        return refuse(s, SMTP_CMD_MAIL, SMTP_FAULT_ORDER, 503, STR("5.5.1 Error: MAIL after BDAT"));
    if (!smtp_mail_parse(args, &rules, &st->scratch, &st->mail, &error))
        return bad_path(s, SMTP_CMD_MAIL, &error);
    struct smtp_event ev = smtp_event_ask(s, SMTP_MAIL, SMTP_CMD_MAIL);
    ev.mail = &st->mail;
    ev.smtputf8 = st->mail.smtputf8;
    return ev;
}

static struct smtp_event run_rcpt(struct smtp_server *s, struct str args)
{
    struct smtp_server_state *st = s->state;
    struct smtp_path_rules rules = path_rules(s);
    struct smtp_path_error error;

    if (!has_sender(st))
        return refuse(s, SMTP_CMD_RCPT, SMTP_FAULT_ORDER, 503,
                      STR("5.5.1 Error: need MAIL command"));
    if (is_between_chunks(st))
        return refuse(s, SMTP_CMD_RCPT, SMTP_FAULT_ORDER, 503, STR("5.5.1 Error: RCPT after BDAT"));
    if (!smtp_rcpt_parse(args, &rules, st->utf8, &st->scratch, &st->rcpt, &error))
        return bad_path(s, SMTP_CMD_RCPT, &error);
    struct smtp_event ev = smtp_event_ask(s, SMTP_RCPT, SMTP_CMD_RCPT);
    ev.rcpt = &st->rcpt;
    ev.smtputf8 = st->utf8;
    return ev;
}

static struct smtp_event run_data(struct smtp_server *s, struct str args)
{
    struct smtp_server_state *st = s->state;

    if (is_between_chunks(st))
        return refuse(s, SMTP_CMD_DATA, SMTP_FAULT_ORDER, 503, STR("5.5.1 Error: DATA after BDAT"));
    if (st->transaction == SMTP_NO_TRANSACTION)
        return refuse(s, SMTP_CMD_DATA, SMTP_FAULT_ORDER, 503,
                      STR("5.5.1 Error: need RCPT command"));
    if (st->transaction == SMTP_HAS_SENDER)
        return refuse(s, SMTP_CMD_DATA, SMTP_FAULT_ORDER, 554,
                      STR("5.5.1 Error: no valid recipients"));
    if (args.len)
        return refuse(s, SMTP_CMD_DATA, SMTP_FAULT_SYNTAX, 501, STR("5.5.4 Syntax: DATA"));
    return smtp_event_ask(s, SMTP_DATA, SMTP_CMD_DATA);
}

static struct smtp_event run_bdat(struct smtp_server *s, struct str args)
{
    (void)args;
    return smtp_content_begin_chunk(s);
}

static struct smtp_event run_rset(struct smtp_server *s, struct str args)
{
    if (args.len)
        return refuse(s, SMTP_CMD_RSET, SMTP_FAULT_SYNTAX, 501, STR("5.5.4 Syntax: RSET"));
    struct smtp_event ev = smtp_event_ask(s, SMTP_RSET, SMTP_CMD_RSET);
    ev.reply = (struct smtp_reply){ 250, STR("2.0.0 Ok") };
    return smtp_event_after_abandon(s, ev);
}

/* ---- side questions ---- */

static struct smtp_event run_noop(struct smtp_server *s, struct str args)
{
    struct smtp_event ev = smtp_event_ask(s, SMTP_NOOP, SMTP_CMD_NOOP);

    ev.arg = args;
    ev.reply = (struct smtp_reply){ 250, STR("2.0.0 Ok") };
    return ev;
}

/* `VRFY address SMTPUTF8` */
static bool cut_smtputf8(struct str *args)
{
    struct str word = STR("SMTPUTF8");

    if (!str_ends_nocase(*args, word) || args->len <= word.len ||
        !char_is_space(args->ptr[args->len - word.len - 1]))
        return false;
    *args = str_trim(str_sub(*args, 0, args->len - word.len));
    return true;
}

static struct smtp_event run_vrfy(struct smtp_server *s, struct str args)
{
    struct smtp_path_rules rules = path_rules(s);
    struct smtp_server_state *st = s->state;
    bool utf8 = s->options.smtputf8 && cut_smtputf8(&args);

    if (s->options.vrfy_disabled)
        return refuse(s, SMTP_CMD_VRFY, SMTP_FAULT_OPTION, 502,
                      STR("5.5.1 VRFY command is disabled"));
    if (args.len == 0)
        return refuse(s, SMTP_CMD_VRFY, SMTP_FAULT_SYNTAX, 501,
                      STR("5.5.4 Syntax: VRFY address [SMTPUTF8]"));
    st->rcpt = (struct smtp_rcpt){ .path = args };
    if (!smtp_path_parse(args, &rules, &st->scratch, &st->rcpt.path, &st->rcpt.address)) {
        struct smtp_event bad = refuse(s, SMTP_CMD_VRFY, SMTP_FAULT_ADDRESS, 501,
                                       STR("5.1.3 Bad recipient address syntax"));
        bad.arg = args;
        return bad;
    }
    if (s->options.smtputf8 && s->options.strict_smtputf8 && !utf8 && !utf8_is_ascii(args))
        return refuse(s, SMTP_CMD_VRFY, SMTP_FAULT_SYNTAX, 553,
                      STR("5.6.7 Must declare SMTPUTF8 to send unicode address"));
    struct smtp_event ev = smtp_event_ask(s, SMTP_VRFY, SMTP_CMD_VRFY);
    ev.arg = args;
    ev.rcpt = &st->rcpt;
    ev.smtputf8 = utf8;
    return ev;
}

static struct smtp_event run_etrn(struct smtp_server *s, struct str args)
{
    struct str word, rest = args;

    if (s->options.etrn_disabled)
        return not_implemented(s, SMTP_CMD_ETRN);
    if (must_greet(s))
        return refuse(s, SMTP_CMD_ETRN, SMTP_FAULT_ORDER, 503, STR("Error: send HELO/EHLO first"));
    if (s->state->transaction != SMTP_NO_TRANSACTION)
        return refuse(s, SMTP_CMD_ETRN, SMTP_FAULT_ORDER, 503,
                      STR("Error: MAIL transaction in progress"));
    if (!str_token(&rest, BLANKS, &word) || rest.len)
        return refuse(s, SMTP_CMD_ETRN, SMTP_FAULT_SYNTAX, 500, STR("Syntax: ETRN domain"));
    struct str name = word;
    if (name.ptr[0] == '@' || name.ptr[0] == '#')
        name = str_skip(name, 1);
    if (!hostname_is_valid(name, true) && hostname_literal_address(name).ptr == NULL)
        return refuse(s, SMTP_CMD_ETRN, SMTP_FAULT_SYNTAX, 501,
                      STR("Error: invalid parameter syntax"));
    struct smtp_event ev = smtp_event_ask(s, SMTP_ETRN, SMTP_CMD_ETRN);
    ev.arg = word;
    return ev;
}

static bool is_available(const struct smtp_server *s, enum smtp_command c)
{
    const struct smtp_server_options *o = &s->options;

    switch (c) {
    case SMTP_CMD_AUTH:
        return o->auth;
    case SMTP_CMD_BDAT:
        return o->chunking;
    case SMTP_CMD_ETRN:
        return !o->etrn_disabled;
    case SMTP_CMD_STARTTLS:
        return o->starttls;
    case SMTP_CMD_VRFY:
        return !o->vrfy_disabled;
    case SMTP_CMD_XCLIENT:
        return o->xclient;
    case SMTP_CMD_XFORWARD:
        return o->xforward;
    default:
        return true;
    }
}

static struct smtp_event run_help(struct smtp_server *s, struct str args)
{
    static const enum smtp_command sorted[] = {
        SMTP_CMD_AUTH,     SMTP_CMD_BDAT, SMTP_CMD_DATA,    SMTP_CMD_EHLO,
        SMTP_CMD_ETRN,     SMTP_CMD_HELO, SMTP_CMD_HELP,    SMTP_CMD_MAIL,
        SMTP_CMD_NOOP,     SMTP_CMD_QUIT, SMTP_CMD_RCPT,    SMTP_CMD_RSET,
        SMTP_CMD_STARTTLS, SMTP_CMD_VRFY, SMTP_CMD_XCLIENT, SMTP_CMD_XFORWARD,
    };
    BUF_AUTO(text, 0);

    buf_add(&text, STR("2.0.0 Commands:"));
    for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
        if (is_available(s, sorted[i]))
            buf_join(&text, STR(" "), smtp_command_name(sorted[i]));
    struct smtp_event ev = smtp_event_ask(s, SMTP_HELP, SMTP_CMD_HELP);
    ev.arg = args;
    ev.reply = (struct smtp_reply){ 214, arena_str(&s->state->scratch, buf_str(&text)) };
    return ev;
}

static struct smtp_event run_quit(struct smtp_server *s, struct str args)
{
    struct smtp_event ev = smtp_event_ask(s, SMTP_QUIT, SMTP_CMD_QUIT);

    ev.arg = args;
    ev.reply = (struct smtp_reply){ 221, STR("2.0.0 Bye") };
    return smtp_event_after_abandon(s, ev);
}

/* ---- session ---- */

static struct smtp_event run_starttls(struct smtp_server *s, struct str args)
{
    if (args.len)
        return refuse(s, SMTP_CMD_STARTTLS, SMTP_FAULT_SYNTAX, 501, STR("5.5.4 Syntax: STARTTLS"));
    if (s->secured)
        return refuse(s, SMTP_CMD_STARTTLS, SMTP_FAULT_ORDER, 554,
                      STR("5.5.1 Error: TLS already active"));
    if (!s->options.starttls)
        return not_implemented(s, SMTP_CMD_STARTTLS);
    return smtp_event_ask(s, SMTP_STARTTLS, SMTP_CMD_STARTTLS);
}

static struct smtp_event run_auth(struct smtp_server *s, struct str args)
{
    struct str mechanism, initial = STR_NONE;
    struct str rest = args;

    if (must_greet(s))
        return no_greeting(s, SMTP_CMD_AUTH);
    if (!s->options.auth)
        return refuse(s, SMTP_CMD_AUTH, SMTP_FAULT_OPTION, 503,
                      STR("5.5.1 Error: authentication not enabled"));
    if (s->state->transaction != SMTP_NO_TRANSACTION)
        return in_transaction(s, SMTP_CMD_AUTH);
    if (s->authenticated)
        return refuse(s, SMTP_CMD_AUTH, SMTP_FAULT_ORDER, 503,
                      STR("5.5.1 Error: already authenticated"));
    if (!str_token(&rest, BLANKS, &mechanism) ||
        (str_token(&rest, BLANKS, &initial) && str_trim(rest).len))
        return refuse(s, SMTP_CMD_AUTH, SMTP_FAULT_SYNTAX, 501,
                      STR("5.5.4 Syntax: AUTH mechanism"));
    struct smtp_event ev = smtp_event_ask(s, SMTP_AUTH, SMTP_CMD_AUTH);
    ev.arg = mechanism;
    ev.initial = initial;
    return ev;
}

struct smtp_event smtp_auth_line(struct smtp_server *s)
{
    struct smtp_server_state *st = s->state;

    if (str_equal(st->line, STR("*"))) {
        st->mode = SMTP_MODE_COMMAND;
        return refuse(s, SMTP_CMD_AUTH, SMTP_FAULT_AUTH, 501, STR("5.7.0 Authentication aborted"));
    }
    struct smtp_event ev = smtp_event_ask(s, SMTP_AUTH_RESPONSE, SMTP_CMD_AUTH);
    ev.arg = st->line;
    return ev;
}

static struct smtp_event run_xattrs(struct smtp_server *s, enum smtp_command c,
                                    enum smtp_event_kind kind, bool allowed, struct str args)
{
    struct smtp_server_state *st = s->state;
    struct smtp_xattr_rules rules = { c == SMTP_CMD_XCLIENT, s->options.ipv6 };
    struct str error;

    if (st->transaction != SMTP_NO_TRANSACTION)
        return in_transaction(s, c);
    if (args.len && !allowed)
        return refuse(s, c, SMTP_FAULT_OPTION, 550, STR("5.7.0 Error: insufficient authorization"));
    if (!smtp_xattrs_parse(args, &rules, &st->scratch, &st->xattrs, &error))
        return refuse(s, c, SMTP_FAULT_SYNTAX, 501, error);
    struct smtp_event ev = smtp_event_ask(s, kind, c);
    ev.xattrs = &st->xattrs;
    return ev;
}

static struct smtp_event run_xclient(struct smtp_server *s, struct str args)
{
    return run_xattrs(s, SMTP_CMD_XCLIENT, SMTP_XCLIENT, s->options.xclient, args);
}

static struct smtp_event run_xforward(struct smtp_server *s, struct str args)
{
    return run_xattrs(s, SMTP_CMD_XFORWARD, SMTP_XFORWARD, s->options.xforward, args);
}

static const struct command commands[SMTP_CMD_COUNT] = {
#define SMTP_COMMAND(id, runs, junk, last, early) [SMTP_CMD_##id] = { early, run_##runs },
#include "smtp/commands.def"
#undef SMTP_COMMAND
};

/* A verb nobody knows, or a line that is no command at all. */
static struct smtp_event unknown(struct smtp_server *s, struct str verb)
{
    struct str line = s->state->line;
    size_t colon = str_find(line, ':');

    if (verb.len == 0)
        return refuse(s, SMTP_CMD_UNKNOWN, SMTP_FAULT_NO_COMMAND, 500,
                      STR("5.5.2 Error: bad syntax"));
    struct smtp_event ev = smtp_event_ask(s, SMTP_UNKNOWN, SMTP_CMD_UNKNOWN);
    ev.arg = verb;
    ev.header_like = colon != STR_NOT_FOUND && colon > 0 &&
                     str_find_any(str_sub(line, 0, colon), BLANKS) == STR_NOT_FOUND;
    ev.reply = (struct smtp_reply){ 500, STR("5.5.2 Error: command not recognized") };
    return ev;
}

/* What a BDAT announces here is read as commands, as by Postfix: all that it could smuggle in is refused as well. */
static struct smtp_event refuse_plain_text(struct smtp_server *s, enum smtp_command c)
{
    s->state->payload.kind = SMTP_PAYLOAD_NONE;
    return refuse(s, c, SMTP_FAULT_TLS, 530, STR("5.7.0 Must issue a STARTTLS command first"));
}

/* Reasons to refuse a command whatever it says. */
static bool refused_anyway(struct smtp_server *s, enum smtp_command c, struct smtp_event *ev)
{
    struct smtp_server_state *st = s->state;

    if (st->denied && c != SMTP_CMD_QUIT)
        *ev = refuse(s, c, SMTP_FAULT_DENIED, st->denial.code, st->denial.text);
    else if (st->line_bare_lf && s->options.bare_newline == SMTP_BARE_REJECT)
        *ev = refuse(s, c, SMTP_FAULT_BARE_LF, s->options.bare_newline_code,
                     smtp_event_text(s, STR("5.5.2 "), s->options.hostname,
                                     STR(" Error: bare <LF> received")));
    else if (s->options.tls_required && !s->secured && c != SMTP_CMD_UNKNOWN &&
             !commands[c].before_tls)
        *ev = refuse_plain_text(s, c);
    else
        return false;
    return true;
}

struct smtp_event smtp_command_run(struct smtp_server *s)
{
    struct str args = s->state->line, verb = STR("");
    struct smtp_event ev;

    if (!str_token(&args, BLANKS, &verb))
        verb = STR("");
    enum smtp_command c = smtp_command_find(verb);
    if (c == SMTP_CMD_HELP && s->options.no_help)
        c = SMTP_CMD_UNKNOWN;
    if (refused_anyway(s, c, &ev))
        return ev;
    return c == SMTP_CMD_UNKNOWN ? unknown(s, verb) : commands[c].run(s, str_trim(args));
}
