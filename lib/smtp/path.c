#include "smtp/path.h"

#include "base/number.h"
#include "base/utf8.h"
#include "text/address.h"
#include "text/hostname.h"
#include "text/xtext.h"

#define BLANKS " \t"

static struct str skip_blanks(struct str s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = str_skip(s, 1);
    return s;
}

/* Length of the run at the start of `s` up to a blank that is not inside of `<...>`.  Quoted
 * text, in which anything may stand, counts as one byte. */
static size_t path_length(struct str s)
{
    bool quoted = false;
    size_t depth = 0;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '\\') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && c == '<') {
            depth++;
        } else if (!quoted && c == '>' && depth) {
            depth--;
        } else if (!quoted && depth == 0 && (c == ' ' || c == '\t')) {
            return i;
        }
    }
    return s.len;
}

/* The path as written is cut from the front of `args`. */
static struct str cut_path(struct str *args)
{
    struct str path = str_sub(*args, 0, path_length(*args));

    *args = str_skip(*args, path.len);
    return path;
}

/* A host name or an address literal, perhaps with a final dot. */
static bool domain_is_valid(struct str internal, struct smtp_odd_domains odd)
{
    struct str domain = address_split(internal).domain;
    struct str name = domain;

    if (str_ends(name, STR(".")))
        name.len--;
    if (domain.ptr == NULL || hostname_literal_address(name).ptr)
        return true;
    if (!odd.utf8 && !utf8_is_ascii(domain))
        return false;
    if ((odd.none && domain.len == 0) || (odd.numeric && hostname_is_address(domain)))
        return true;
    return hostname_is_valid(name, true);
}

/* `inside` in internal form, appended to `internal`. */
static bool unquote(struct str inside, bool strict, struct smtp_odd_domains odd,
                    struct buf *internal)
{
    bool no_domain = odd.none && inside.len > 1 && str_ends(inside, STR("@"));

    if (no_domain)
        inside.len--;
    if (!(strict ? address_unquote_strict : address_unquote)(inside, internal))
        return false;
    if (no_domain && address_split(buf_str(internal)).domain.ptr)
        return false;
    if (no_domain)
        buf_addc(internal, '@');
    return true;
}

/* `<a@b>` or, unless `strict`, what people write instead. */
static bool parse_path(struct str raw, bool strict, struct smtp_odd_domains odd, struct arena *a,
                       struct str *path, struct str *address)
{
    BUF_AUTO(internal, 0);
    struct str inside = raw;
    bool angle = raw.len >= 2 && raw.ptr[0] == '<' && raw.ptr[raw.len - 1] == '>';

    if (!strict && str_starts(raw, STR("<>"))) /* what follows has never mattered */
        inside = STR("");
    else if (angle)
        inside = str_sub(raw, 1, raw.len - 1);
    else if (!strict && str_ends(raw, STR(">")) && !str_has(raw, '<'))
        inside.len--;
    if (!strict)
        inside = str_trim(inside);
    if ((strict && !angle) || !unquote(inside, strict, odd, &internal) ||
        !domain_is_valid(buf_str(&internal), odd))
        return false;
    *path = inside;
    *address = internal.len ? arena_str(a, buf_str(&internal)) : STR("");
    return true;
}

bool smtp_path_parse(struct str text, const struct smtp_path_rules *rules, struct arena *a,
                     struct str *path, struct str *address)
{
    struct str rest = text, raw = text;

    /* Nothing follows it, so that it may have a name in front.  It needs no angle brackets even where
     * envelopes do. */
    if (rules->strict)
        raw = cut_path(&rest);
    if ((rules->strict && skip_blanks(rest).len) ||
        !parse_path(raw, rules->strict && raw.len && raw.ptr[0] == '<', rules->odd_domains, a, path,
                    address))
        return false;
    return address->len > 0;
}

/* ---- parameters ---- */

struct params {
    const struct smtp_path_rules *rules;
    struct arena *arena;
    struct smtp_path_error *error;
    struct smtp_mail *mail;
    struct smtp_rcpt *rcpt;
    struct str word; /* as written */
    bool utf8;
};

static bool fail(struct params *p, int code, struct str text)
{
    *p->error = (struct smtp_path_error){ code, text, SMTP_PATH_OPTION, p->word };
    return false;
}

static bool unsupported(struct params *p)
{
    BUF_AUTO(text, 0);

    buf_join(&text, STR("5.5.4 Unsupported option: "), p->word);
    return fail(p, 555, arena_str(p->arena, buf_str(&text)));
}

static bool dsn_allowed(struct params *p)
{
    return p->rules->dsn || fail(p, 501, STR("5.7.1 DSN support is disabled"));
}

static bool is_digits(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!char_is_digit(s.ptr[i]))
            return false;
    return s.len > 0;
}

static bool mail_size(struct params *p, struct str value)
{
    if (!is_digits(value))
        return fail(p, 501, STR("5.5.4 Bad message size syntax"));
    if (!number_parse(value, &p->mail->size)) {
        (void)fail(p, 552, STR("5.3.4 Message size exceeds file system imposed limit"));
        p->error->what = SMTP_PATH_SIZE;
        return false;
    }
    if (p->rules->size_limit > 0 && p->mail->size > p->rules->size_limit) {
        (void)fail(p, 552, STR("5.3.4 Message size exceeds fixed limit"));
        p->error->what = SMTP_PATH_SIZE;
        return false;
    }
    return true;
}

static bool mail_body(struct params *p, struct str value)
{
    if (str_equal_nocase(value, STR("8BITMIME")))
        p->mail->body = SMTP_BODY_8BITMIME;
    else if (str_equal_nocase(value, STR("7BIT")))
        p->mail->body = SMTP_BODY_7BIT;
    else
        return unsupported(p);
    return true;
}

static bool mail_smtputf8(struct params *p, struct str value)
{
    if (!p->rules->smtputf8 || value.ptr)
        return unsupported(p);
    p->mail->smtputf8 = true;
    return true;
}

static bool mail_requiretls(struct params *p, struct str value)
{
    if (!p->rules->requiretls || value.ptr)
        return unsupported(p);
    p->mail->requiretls = true;
    return true;
}

static bool mail_ret(struct params *p, struct str value)
{
    if (!dsn_allowed(p))
        return false;
    if (p->mail->ret != DSN_RET_NONE || !dsn_ret_parse(value, &p->mail->ret))
        return fail(p, 501, STR("5.5.4 Bad RET parameter syntax"));
    return true;
}

/* The identifier is printed in reports: no control bytes. */
static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < ' ' || (unsigned char)s.ptr[i] > '~')
            return false;
    return true;
}

static bool fits(struct str s, size_t limit) { return limit == 0 || s.len <= limit; }

static bool mail_envid(struct params *p, struct str value)
{
    BUF_AUTO(decoded, 0);

    if (!dsn_allowed(p))
        return false;
    if (p->mail->envid.ptr || value.len == 0 || !xtext_decode(value, &decoded) ||
        !is_printable(buf_str(&decoded)) || !fits(buf_str(&decoded), p->rules->value_limit))
        return fail(p, 501, STR("5.5.4 Bad ENVID parameter syntax"));
    p->mail->envid = arena_str(p->arena, buf_str(&decoded));
    return true;
}

static bool mail_auth(struct params *p, struct str value)
{
    if (!p->rules->auth) /* means nothing here, and harms nobody */
        return true;
    if (p->mail->auth.ptr)
        return fail(p, 503, STR("5.5.4 Error: multiple AUTH= options"));
    if (!is_printable(value) || !fits(value, p->rules->value_limit))
        return unsupported(p);
    if (value.len && !str_equal(value, STR("<>"))) /* nobody in particular */
        p->mail->auth = arena_str(p->arena, value);
    return true;
}

static bool mail_xverp(struct params *p, struct str value)
{
    if (!p->rules->verp)
        return unsupported(p);
    if (value.ptr && (value.len != 2 || !str_has(p->rules->verp_filter, value.ptr[0]) ||
                      !str_has(p->rules->verp_filter, value.ptr[1]))) {
        BUF_AUTO(text, 0);
        buf_join(&text, STR("5.5.4 Error: XVERP needs two characters from "),
                 p->rules->verp_filter);
        return fail(p, 501, arena_str(p->arena, buf_str(&text)));
    }
    p->mail->verp = true;
    p->mail->verp_delimiters = value;
    return true;
}

static bool rcpt_notify(struct params *p, struct str value)
{
    struct str bad = STR_NONE;

    if (!dsn_allowed(p))
        return false;
    if (p->rcpt->notify == DSN_NOTIFY_NONE && dsn_notify_parse(value, &p->rcpt->notify, &bad))
        return true;
    *p->error = (struct smtp_path_error){ 501, STR("5.5.4 Error: Bad NOTIFY parameter syntax"),
                                          SMTP_PATH_NOTIFY, bad };
    return false;
}

static bool rcpt_orcpt(struct params *p, struct str value)
{
    BUF_AUTO(decoded, 0);

    if (!dsn_allowed(p))
        return false;
    if (p->rcpt->orcpt.ptr || !dsn_orcpt_parse(value, p->utf8, &decoded) ||
        !fits(buf_str(&decoded), p->rules->value_limit))
        return fail(p, 501, STR("5.5.4 Error: Bad ORCPT parameter syntax"));
    p->rcpt->orcpt = arena_str(p->arena, buf_str(&decoded));
    return true;
}

struct param {
    struct str name;
    bool has_value, may_lack_value;
    bool (*parse)(struct params *p, struct str value);
};

static const struct param mail_params[] = {
    { STR("SIZE"), true, false, mail_size },
    { STR("BODY"), true, false, mail_body },
    { STR("SMTPUTF8"), false, true, mail_smtputf8 },
    { STR("REQUIRETLS"), false, true, mail_requiretls },
    { STR("RET"), true, false, mail_ret },
    { STR("ENVID"), true, false, mail_envid },
    { STR("AUTH"), true, false, mail_auth },
    { STR("XVERP"), true, true, mail_xverp },
};

static const struct param rcpt_params[] = {
    { STR("NOTIFY"), true, false, rcpt_notify },
    { STR("ORCPT"), true, false, rcpt_orcpt },
};

static bool parse_params(struct params *p, struct str rest, const struct param *table, size_t count)
{
    while (str_token(&rest, BLANKS, &p->word)) {
        struct str value = p->word;
        struct str name = str_cut(&value, '=');
        const struct param *found = NULL;

        if (name.len == p->word.len)
            value = STR_NONE;
        for (size_t i = 0; i < count; i++)
            if (str_equal_nocase(name, table[i].name))
                found = &table[i];
        if (found == NULL || (value.ptr ? !found->has_value : !found->may_lack_value))
            return unsupported(p);
        if (!found->parse(p, value))
            return false;
    }
    return true;
}

static bool syntax_error(struct smtp_path_error *error, int code, struct str text, bool address,
                         struct str arg)
{
    *error =
        (struct smtp_path_error){ code, text, address ? SMTP_PATH_ADDRESS : SMTP_PATH_SYNTAX, arg };
    return false;
}

static const struct str must_declare = STR("5.6.7 Must declare SMTPUTF8 to send unicode address");

bool smtp_mail_parse(struct str args, const struct smtp_path_rules *rules, struct arena *a,
                     struct smtp_mail *out, struct smtp_path_error *error)
{
    struct smtp_mail mail = { .size = -1 };
    struct params p = { .rules = rules, .arena = a, .error = error, .mail = &mail };

    if (!str_skip_prefix_nocase(&args, STR("FROM:")) || (args = skip_blanks(args)).len == 0)
        return syntax_error(error, 501, STR("5.5.4 Syntax: MAIL FROM:<address>"), false, args);
    struct str raw = cut_path(&args);
    if (!parse_path(raw, rules->strict, rules->odd_domains, a, &mail.path, &mail.address) ||
        !fits(mail.path, rules->address_limit) || !fits(mail.address, rules->address_limit))
        return syntax_error(error, 501, STR("5.1.7 Bad sender address syntax"), true, raw);
    if (!parse_params(&p, args, mail_params, ARRAY_LEN(mail_params))) {
        if (error->what == SMTP_PATH_SIZE)
            *out = mail;
        return false;
    }
    if (rules->strict_smtputf8 && !mail.smtputf8 && !utf8_is_ascii(mail.address))
        return syntax_error(error, 553, must_declare, false, raw);
    if (mail.verp && mail.address.len == 0)
        return syntax_error(error, 503, STR("5.5.4 Error: XVERP requires non-null sender"), false,
                            raw);
    *out = mail;
    return true;
}

bool smtp_rcpt_parse(struct str args, const struct smtp_path_rules *rules, bool utf8,
                     struct arena *a, struct smtp_rcpt *out, struct smtp_path_error *error)
{
    struct smtp_rcpt rcpt = { .notify = DSN_NOTIFY_NONE };
    struct params p = { .rules = rules, .arena = a, .error = error, .rcpt = &rcpt, .utf8 = utf8 };

    if (!str_skip_prefix_nocase(&args, STR("TO:")) || (args = skip_blanks(args)).len == 0)
        return syntax_error(error, 501, STR("5.5.4 Syntax: RCPT TO:<address>"), false, args);
    struct str raw = cut_path(&args);
    if (!parse_path(raw, rules->strict, rules->odd_domains, a, &rcpt.path, &rcpt.address) ||
        rcpt.address.len == 0 || !fits(rcpt.path, rules->address_limit) ||
        !fits(rcpt.address, rules->address_limit))
        return syntax_error(error, 501, STR("5.1.3 Bad recipient address syntax"), true, raw);
    if (!parse_params(&p, args, rcpt_params, ARRAY_LEN(rcpt_params)))
        return false;
    if (rules->strict_smtputf8 && !utf8 && !utf8_is_ascii(rcpt.address))
        return syntax_error(error, 553, must_declare, false, raw);
    *out = rcpt;
    return true;
}
