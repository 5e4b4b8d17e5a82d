#include "services/bounce/template.h"

#include "base/log.h"
#include "text/header.h"

static const char *const kind_names[TEMPLATE_COUNT] = { "failure", "delay", "success", "verify" };

struct str template_kind_name(enum template_kind kind) { return str_from(kind_names[kind]); }

/* ---- built in ---- */

#define HELLO "This is the mail system at host $myhostname.\n\n"
#define HELP                                                             \
    "The postmaster <postmaster> can help you with questions.  Please\n" \
    "send this report along; your own text may be left out.\n\n"
#define SIGNATURE "                   The mail system\n"

#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }
#define COMMON                                                 \
    .origin = TEXT("[built-in]"), .charset = TEXT("us-ascii"), \
    .from = TEXT("Mail Delivery System <MAILER-DAEMON>")

static const struct bounce_template builtin[TEMPLATE_COUNT] = {
    [TEMPLATE_FAILURE] = {
        COMMON,
        .subject = TEXT("Undelivered Mail Returned to Sender"),
        .postmaster_subject = TEXT("Postmaster Copy: Undelivered Mail"),
        .text = TEXT(HELLO
                     "Sorry: your message did not get through to everybody it was meant\n"
                     "for.  Those who will not receive it are listed below, each with the\n"
                     "reason; the message itself is attached.\n\n" HELP SIGNATURE),
    },
    [TEMPLATE_DELAY] = {
        COMMON,
        .subject = TEXT("Delayed Mail (still being retried)"),
        .postmaster_subject = TEXT("Postmaster Warning: Delayed Mail"),
        .text = TEXT(HELLO
                     "##################################################################\n"
                     "# THIS IS ONLY A WARNING.  THERE IS NO NEED TO SEND YOUR MESSAGE #\n"
                     "# AGAIN.                                                         #\n"
                     "##################################################################\n\n"
                     "Your message has been waiting for $delay_warning_time_hours hour(s): it\n"
                     "could not be delivered to the recipients listed below.\n\n"
                     "New attempts will be made until it is $maximal_queue_lifetime_days day(s)\n"
                     "old.\n\n" HELP SIGNATURE),
    },
    [TEMPLATE_SUCCESS] = {
        COMMON,
        .subject = TEXT("Successful Mail Delivery Report"),
        .text = TEXT(HELLO
                     "Your message was delivered to the recipients listed below.  Where\n"
                     "it was passed on to a mail system that sends no such reports, you\n"
                     "will hear no more, unless something goes wrong there.\n\n" SIGNATURE),
    },
    [TEMPLATE_VERIFY] = {
        COMMON,
        .subject = TEXT("Mail Delivery Status Report"),
        .text = TEXT(HELLO
                     "Enclosed is the delivery report that you asked for.\n\n" SIGNATURE),
    },
};

void templates_builtin(struct bounce_templates *out) { memcpy(out->of, builtin, sizeof builtin); }

/* ---- files ---- */

/* A template with a fault is left out, and the built-in one stays in force. */
static bool ignore(struct str file, enum template_kind kind, const char *fault, struct str name)
{
    log_warning(STR_FMT ": " STR_FMT "%s in %s template -- ignoring this template", STR_ARG(file),
                STR_ARG(name), fault, kind_names[kind]);
    return false;
}

static bool ignore_header(struct str file, enum template_kind kind, const char *adjective,
                          struct str name, const char *noun)
{
    BUF_AUTO(what, 200);

    buf_join(&what, str_from(adjective), STR(" \""), name, STR("\" header "));
    return ignore(file, kind, noun, buf_str(&what));
}

static bool find_kind(struct str name, enum template_kind *kind)
{
    if (!str_ends(name, STR("_template")))
        return false;
    name.len -= sizeof("_template") - 1;
    for (size_t i = 0; i < TEMPLATE_COUNT; i++)
        if (str_equal(name, str_from(kind_names[i]))) {
            *kind = (enum template_kind)i;
            return true;
        }
    return false;
}

static bool is_7bit(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] > 126)
            return false;
    return true;
}

static struct str *find_header(struct bounce_template *t, struct str name)
{
    struct {
        const char *name;
        struct str *value;
    } headers[] = {
        { "Charset", &t->charset },
        { "From", &t->from },
        { "Subject", &t->subject },
        { "Postmaster-Subject", &t->postmaster_subject },
    };

    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        if (str_equal_nocase(name, str_from(headers[i].name)))
            return headers[i].value;
    return NULL;
}

static bool take_header(struct bounce_template *t, enum template_kind kind, struct str line,
                        struct str file)
{
    struct str value = line;
    struct str name = str_trim(str_cut(&value, ':'));
    struct str *slot = find_header(t, name);

    value = str_trim(value);
    if (slot == NULL)
        return ignore_header(file, kind, "unknown", name, "label");
    if (value.len == 0)
        return ignore_header(file, kind, "empty", name, "value");
    if (!is_7bit(value))
        return ignore_header(file, kind, "non-ASCII", name, "value");
    *slot = value;
    return true;
}

static bool has_fitting_charset(const struct bounce_template *t, enum template_kind kind)
{
    if (is_7bit(t->text) || !str_equal_nocase(t->charset, STR("us-ascii")))
        return true;
    log_warning(STR_FMT ": 8-bit message text in %s template", STR_ARG(t->origin),
                kind_names[kind]);
    log_warning("please specify a charset value other than us-ascii");
    log_warning("-- ignoring this template for now");
    return false;
}

/* Headers, what is not given stays as it is built in; then, behind an empty line or without it, text. */
static void take_template(enum template_kind kind, struct str content, struct str file,
                          struct bounce_template *out)
{
    struct bounce_template t = builtin[kind];

    t.origin = file;
    while (content.len) {
        struct str rest = content, line = str_cut(&rest, '\n');

        if (str_trim(line).len && !header_is_line(line))
            break;
        content = rest;
        if (str_trim(line).len == 0)
            break;
        if (!take_header(&t, kind, line, file))
            return;
    }
    t.text = content;
    if (str_trim(content).len == 0)
        (void)ignore(file, kind, "missing message text", STR_NONE);
    else if (has_fitting_charset(&t, kind))
        *out = t;
}

/* The lines up to the one that equals `mark`, or all. */
static struct str take_here_document(struct str *rest, struct str mark)
{
    struct str all = *rest;

    while (rest->len) {
        struct str line = str_cut(rest, '\n');

        if (str_equal(line, mark))
            return str_sub(all, 0, (size_t)(line.ptr - all.ptr));
    }
    return all;
}

/* Number of the line that `rest`, the end of `text`, begins with. */
static int line_number(struct str text, struct str rest)
{
    int n = 1;

    for (size_t i = 0; i < text.len - rest.len; i++)
        n += text.ptr[i] == '\n';
    return n;
}

bool templates_parse(struct str text, struct str file, struct bounce_templates *out,
                     struct buf *error)
{
    struct str rest = text;

    while (rest.len) {
        struct str line = str_cut(&rest, '\n'), value = line;
        struct str name = str_trim(str_cut(&value, '='));
        enum template_kind kind;

        if (str_trim(line).len == 0 || line.ptr[0] == '#')
            continue;
        if (!str_has(line, '=')) {
            buf_addf(error, STR_FMT ", line %d: missing '=' after attribute name: \"" STR_FMT "\"",
                     STR_ARG(file), line_number(text, rest), STR_ARG(line));
            return false;
        }
        value = str_trim(value);
        if (str_skip_prefix(&value, STR("<<")))
            value = take_here_document(&rest, str_trim(value));
        if (find_kind(name, &kind))
            take_template(kind, value, file, &out->of[kind]);
        else
            log_warning(STR_FMT ", line %d: unknown template name: " STR_FMT
                                " -- ignoring this template",
                        STR_ARG(file), line_number(text, rest), STR_ARG(name));
    }
    return true;
}

void template_format(enum template_kind kind, const struct bounce_template *t, struct buf *out)
{
    buf_join(out, template_kind_name(kind), STR("_template = <<EOF\nCharset: "), t->charset,
             STR("\nFrom: "), t->from, STR("\nSubject: "), t->subject, STR("\n"));
    if (t->postmaster_subject.len)
        buf_join(out, STR("Postmaster-Subject: "), t->postmaster_subject, STR("\n"));
    buf_join(out, STR("\n"), t->text);
    if (!str_ends(t->text, STR("\n")))
        buf_addc(out, '\n');
    buf_add(out, STR("EOF\n"));
}

/* ---- expansion ---- */

static const struct {
    struct str suffix;
    int64_t seconds;
} units[] = {
    { STR("_seconds"), 1 },  { STR("_minutes"), 60 },   { STR("_hours"), 3600 },
    { STR("_days"), 86400 }, { STR("_weeks"), 604800 },
};

static bool expand_time(struct str name, const struct template_values *v, struct buf *out)
{
    int64_t seconds;

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        struct str base = name;

        if (!str_ends(name, units[i].suffix))
            continue;
        base.len -= units[i].suffix.len;
        if (!v->seconds(v->context, base, &seconds))
            continue;
        if (seconds / units[i].seconds == 0)
            v->zero(v->context, name);
        buf_add_int(out, seconds / units[i].seconds);
        return true;
    }
    return false;
}

/* The name behind a `$`; advances past it and its brackets.  Empty: there is none. */
static struct str take_name(struct str *rest)
{
    char close = (char)(str_starts(*rest, STR("{")) ? '}' : str_starts(*rest, STR("(")) ? ')' : 0);
    struct str inside = str_skip(*rest, close ? 1 : 0);
    size_t n = 0;

    while (n < inside.len && (char_is_alnum(inside.ptr[n]) || inside.ptr[n] == '_'))
        n++;
    if (n == 0 || (close && (n >= inside.len || inside.ptr[n] != close)))
        return STR_NONE;
    *rest = str_skip(inside, n + (close ? 1 : 0));
    return str_sub(inside, 0, n);
}

void template_expand(struct str text, const struct template_values *v, struct buf *out)
{
    while (text.len) {
        size_t at = str_find(text, '$');
        struct str name;

        buf_add(out, str_sub(text, 0, at));
        if (at == STR_NOT_FOUND)
            return;
        text = str_skip(text, at + 1);
        if (text.len && text.ptr[0] == '$') {
            buf_addc(out, '$');
            text = str_skip(text, 1);
            continue;
        }
        name = take_name(&text);
        if (name.len == 0)
            buf_addc(out, '$');
        else if (!expand_time(name, v, out))
            buf_add(out, v->value(v->context, name));
    }
}
