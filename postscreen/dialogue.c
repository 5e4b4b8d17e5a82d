#include "postscreen/dialogue.h"

#include "base/utf8.h"
#include "text/address.h"

#define SENDER_MAX 8192
#define REPLY_MAX  4096

static const struct str names[KEYWORDS] = {
    [KEYWORD_SIZE] = STR("SIZE"),
    [KEYWORD_VRFY] = STR("VRFY"),
    [KEYWORD_ETRN] = STR("ETRN"),
    [KEYWORD_STARTTLS] = STR("STARTTLS"),
    [KEYWORD_ENHANCEDSTATUSCODES] = STR("ENHANCEDSTATUSCODES"),
    [KEYWORD_8BITMIME] = STR("8BITMIME"),
    [KEYWORD_DSN] = STR("DSN"),
    [KEYWORD_SMTPUTF8] = STR("SMTPUTF8"),
    [KEYWORD_CHUNKING] = STR("CHUNKING"),
};

void dialogue_init(struct dialogue *d, const struct dialogue_rules *rules)
{
    *d = (struct dialogue){ .rules = rules,
                            .where = STR("CONNECT"),
                            .helo_text = BUF_INIT(SENDER_MAX),
                            .sender_text = BUF_INIT(SENDER_MAX),
                            .text = BUF_INIT(REPLY_MAX) };
}

void dialogue_fini(struct dialogue *d)
{
    buf_free(&d->helo_text);
    buf_free(&d->sender_text);
    buf_free(&d->line);
    buf_free(&d->text);
}

static void keep(struct str *fact, struct buf *in, struct str text)
{
    buf_clear(in);
    buf_add(in, text);
    (void)buf_cstr(in); /* an empty one is there too */
    *fact = buf_str(in);
}

void dialogue_secured(struct dialogue *d)
{
    d->secured = true;
    d->keywords &= ~(1U << KEYWORD_STARTTLS);
    d->helo = d->sender = STR_NONE;
}

void dialogue_replace(struct dialogue *d, struct str line)
{
    buf_clear(&d->line);
    buf_add(&d->line, line);
}

/* ---- replies ---- */

#define FIXED(code, text) fixed(code, STR(text))

static struct dialogue_event fixed(int code, struct str text)
{
    return (struct dialogue_event){ .kind = DIALOGUE_REPLY, .reply = { code, text } };
}

static struct dialogue_event ending(enum dialogue_event_kind kind, struct dialogue_event with)
{
    with.kind = kind;
    return with;
}

static struct dialogue_event composed(struct dialogue *d, int code)
{
    return fixed(code, buf_str(&d->text));
}

static struct dialogue_event break_off(struct dialogue *d, enum dialogue_event_kind kind)
{
    buf_clear(&d->text);
    buf_join(&d->text, d->rules->hostname, STR(" Service unavailable - try again later"));
    return ending(kind, composed(d, 421));
}

/* ---- commands: `rest` is their argument ---- */

static bool lacks_helo(const struct dialogue *d)
{
    return d->rules->helo_required && d->helo.ptr == NULL;
}

static struct str first_word(const struct dialogue *d)
{
    struct str rest = d->rest, word = STR_NONE;

    (void)str_token(&rest, " ", &word);
    return word;
}

static void introduce(struct dialogue *d)
{
    keep(&d->helo, &d->helo_text, first_word(d));
    d->sender = STR_NONE;
    buf_clear(&d->text);
    buf_add(&d->text, d->rules->hostname);
}

static struct dialogue_event run_helo(struct dialogue *d)
{
    if (d->rest.len == 0)
        return FIXED(501, "Syntax: HELO hostname");
    introduce(d);
    return composed(d, 250);
}

static struct dialogue_event run_ehlo(struct dialogue *d)
{
    if (d->rest.len == 0)
        return FIXED(501, "Syntax: EHLO hostname");
    introduce(d);
    d->esmtp = true;
    for (int k = 0; k < KEYWORDS; k++) {
        if (!(d->keywords & 1U << k))
            continue;
        buf_join(&d->text, STR("\n"), names[k]);
        if (k == KEYWORD_SIZE && d->rules->message_size_limit > 0)
            buf_addf(&d->text, " %lld", (long long)d->rules->message_size_limit);
    }
    return composed(d, 250);
}

static struct dialogue_event run_starttls(struct dialogue *d)
{
    if (d->rest.len)
        return FIXED(501, "5.5.4 Syntax: STARTTLS");
    if (d->secured)
        return FIXED(554, "5.5.1 Error: TLS already active");
    if (!(d->keywords & 1U << KEYWORD_STARTTLS))
        return FIXED(502, "5.5.1 Error: command not implemented");
    return (struct dialogue_event){ .kind = DIALOGUE_STARTTLS };
}

/* What follows the colon of `FROM:<a@b> SIZE=1`, up to the parameters.  Absent: there is no colon. */
static struct str address_argument(const struct dialogue *d)
{
    size_t colon = str_find(d->rest, ':');
    struct str text = str_trim(str_skip(d->rest, colon + 1));

    if (colon == STR_NOT_FOUND)
        return STR_NONE;
    size_t end = str_starts(text, STR("<")) ? str_find(text, '>') : str_find(text, ' ');
    return end == STR_NOT_FOUND ? text : str_sub(text, 0, end + (text.ptr[end] == '>'));
}

static struct dialogue_event run_mail(struct dialogue *d)
{
    struct str sender = address_argument(d);

    if (lacks_helo(d))
        return FIXED(503, "5.5.1 Error: send HELO/EHLO first");
    if (d->sender.ptr)
        return FIXED(503, "5.5.1 Error: nested MAIL command");
    if (sender.ptr == NULL)
        return FIXED(501, "5.5.4 Syntax: MAIL FROM:<address>");
    keep(&d->sender, &d->sender_text, sender);
    return FIXED(250, "2.1.0 Ok");
}

static struct dialogue_event run_rcpt(struct dialogue *d)
{
    struct dialogue_event refused = { .kind = DIALOGUE_REFUSED, .reply = d->refusal };

    refused.rest = address_argument(d);
    if (d->sender.ptr == NULL)
        return FIXED(503, "5.5.1 Error: need MAIL command");
    if (refused.rest.ptr == NULL)
        return FIXED(501, "5.5.4 Syntax: RCPT TO:<address>");
    return refused;
}

/* Whoever comes as far as this cannot have been told to go on. */
static struct dialogue_event run_data(struct dialogue *d)
{
    if (d->rest.len)
        return ending(DIALOGUE_CONTENT, FIXED(501, "5.5.4 Syntax: DATA"));
    if (d->sender.ptr == NULL)
        return ending(DIALOGUE_CONTENT, FIXED(503, "5.5.1 Error: need RCPT command"));
    return ending(DIALOGUE_CONTENT, FIXED(554, "5.5.1 Error: no valid recipients"));
}

static struct dialogue_event run_bdat(struct dialogue *d)
{
    if (!(d->keywords & 1U << KEYWORD_CHUNKING))
        return ending(DIALOGUE_CONTENT, FIXED(502, "5.5.1 Error: command not implemented"));
    if (d->rest.len == 0)
        return ending(DIALOGUE_CONTENT, FIXED(501, "5.5.4 Syntax: BDAT count [LAST]"));
    if (d->sender.ptr == NULL)
        return ending(DIALOGUE_CONTENT, FIXED(554, "5.5.1 Error: need MAIL command"));
    return ending(DIALOGUE_CONTENT, FIXED(554, "5.5.1 Error: no valid recipients"));
}

static struct dialogue_event run_rset(struct dialogue *d)
{
    d->sender = STR_NONE;
    return FIXED(250, "2.0.0 Ok");
}

static struct dialogue_event run_noop(struct dialogue *d UNUSED) { return FIXED(250, "2.0.0 Ok"); }

static struct dialogue_event run_vrfy(struct dialogue *d)
{
    if (d->rules->vrfy_disabled)
        return FIXED(502, "5.5.1 VRFY command is disabled");
    if (d->rest.len == 0)
        return FIXED(501, "5.5.4 Syntax: VRFY address");
    return fixed(d->refusal.code, d->refusal.text);
}

static struct dialogue_event run_etrn(struct dialogue *d)
{
    if (lacks_helo(d))
        return FIXED(503, "5.5.1 Error: send HELO/EHLO first");
    if (d->rest.len == 0)
        return FIXED(500, "Syntax: ETRN domain");
    return FIXED(458, "Unable to queue messages");
}

static struct dialogue_event run_quit(struct dialogue *d UNUSED)
{
    return ending(DIALOGUE_CLOSE, FIXED(221, "2.0.0 Bye"));
}

static const struct command {
    struct str name;
    struct dialogue_event (*run)(struct dialogue *d);
    bool in_plain; /* also where TLS must come first */
} commands[] = {
    { STR("HELO"), run_helo, true },         { STR("EHLO"), run_ehlo, true },
    { STR("STARTTLS"), run_starttls, true }, { STR("MAIL"), run_mail, false },
    { STR("RCPT"), run_rcpt, false },        { STR("DATA"), run_data, false },
    { STR("BDAT"), run_bdat, false },        { STR("RSET"), run_rset, false },
    { STR("NOOP"), run_noop, true },         { STR("VRFY"), run_vrfy, false },
    { STR("ETRN"), run_etrn, false },        { STR("QUIT"), run_quit, true },
};

static const struct command *find_command(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (str_equal_nocase(word, commands[i].name))
            return &commands[i];
    return NULL;
}

static bool is_quit(const struct dialogue *d) { return str_equal_nocase(d->word, STR("QUIT")); }

/* ---- the steps of a line; false: nothing to say about it ---- */

static bool take_line(struct dialogue *d, struct str *in, struct dialogue_event *ev)
{
    size_t lf = str_find(*in, '\n');
    struct str part = str_sub(*in, 0, lf);

    if (d->whole)
        buf_clear(&d->line);
    d->whole = false;
    buf_add(&d->line, str_sub(part, 0, d->rules->line_limit));
    if (d->line.len >= d->rules->line_limit) {
        *ev = break_off(d, DIALOGUE_LONG);
        return true;
    }
    *in = str_skip(*in, part.len + 1);
    if (lf != STR_NOT_FOUND) {
        d->whole = true;
        return false;
    }
    if (d->line.len == 0)
        buf_free(&d->line); /* who says nothing costs nothing */
    *ev = (struct dialogue_event){ .kind = DIALOGUE_NEED_INPUT };
    return true;
}

static bool check_ending(struct dialogue *d, struct str *in UNUSED, struct dialogue_event *ev)
{
    bool bare = d->line.len == 0 || d->line.ptr[d->line.len - 1] != '\r';

    if (!bare)
        buf_truncate(&d->line, d->line.len - 1);
    *ev = (struct dialogue_event){ .kind = DIALOGUE_BARE_NEWLINE, .line = buf_str(&d->line) };
    return bare;
}

static bool show_line(struct dialogue *d, struct str *in UNUSED, struct dialogue_event *ev)
{
    struct str line = buf_str(&d->line);

    while (str_skip_prefix(&line, STR(" ")))
        continue;
    *ev = (struct dialogue_event){ .kind = DIALOGUE_LINE, .line = line };
    return !d->rules->utf8 || utf8_is_valid(line);
}

static bool check_word(struct dialogue *d, struct str *in UNUSED, struct dialogue_event *ev)
{
    struct str rest = buf_str(&d->line);

    d->word = STR("");
    (void)str_token(&rest, " ", &d->word);
    while (str_skip_prefix(&rest, STR(" ")))
        continue;
    d->rest = rest;
    *ev = (struct dialogue_event){ .kind = DIALOGUE_UNKNOWN, .word = d->word, .rest = rest };
    size_t colon = str_find(d->word, ':');
    ev->is_odd =
        (colon != STR_NOT_FOUND && colon > 0) || (d->rules->utf8 && !utf8_is_valid(d->word));
    return find_command(d->word) == NULL;
}

static bool check_patience(struct dialogue *d, struct str *in, struct dialogue_event *ev)
{
    *ev = (struct dialogue_event){ .kind = DIALOGUE_PIPELINING, .word = d->word, .rest = *in };
    return in->len && !str_equal_nocase(d->word, STR("BDAT"));
}

static bool note_recipient(struct dialogue *d, struct str *in UNUSED, struct dialogue_event *ev)
{
    *ev = (struct dialogue_event){ .kind = DIALOGUE_RECIPIENT, .rest = d->rest };
    return str_equal_nocase(d->word, STR("RCPT"));
}

static bool count(struct dialogue *d, struct str *in UNUSED, struct dialogue_event *ev)
{
    if (is_quit(d) || ++d->commands <= d->rules->command_limit)
        return false;
    *ev = break_off(d, DIALOGUE_MANY);
    return true;
}

static bool carry_out(struct dialogue *d, struct str *in UNUSED, struct dialogue_event *ev)
{
    const struct command *c = find_command(d->word);

    d->rest = str_trim(d->rest);
    d->where = c ? c->name : STR("UNIMPLEMENTED");
    if (d->resort.code && !is_quit(d))
        *ev = ending(DIALOGUE_CLOSE, fixed(d->resort.code, d->resort.text));
    else if (c == NULL)
        *ev = FIXED(502, "5.5.2 Error: command not recognized");
    else if (d->rules->tls_required && !d->secured && !c->in_plain)
        *ev = FIXED(530, "5.7.0 Must issue a STARTTLS command first");
    else
        *ev = c->run(d);
    return true;
}

static bool (*const steps[])(struct dialogue *d, struct str *in, struct dialogue_event *ev) = {
    take_line,      check_ending,   show_line, check_word,
    check_patience, note_recipient, count,     carry_out,
};

struct dialogue_event dialogue_next(struct dialogue *d, struct str *in)
{
    struct dialogue_event ev;

    do
        d->step %= ARRAY_LEN(steps);
    while (!steps[d->step++](d, in, &ev));
    if (ev.kind == DIALOGUE_NEED_INPUT)
        d->step = 0;
    return ev;
}

void dialogue_format_address(struct str argument, struct buf *out)
{
    BUF_AUTO(internal, SENDER_MAX);
    struct str bare = argument;

    if (str_skip_prefix(&bare, STR("<")) && str_ends(bare, STR(">")))
        bare.len--;
    if (str_starts(bare, STR("@")) && str_has(bare, ':'))
        (void)str_cut(&bare, ':');
    if (address_unquote(bare, &internal))
        address_quote(buf_str(&internal), out);
    else
        buf_add(out, bare);
}
