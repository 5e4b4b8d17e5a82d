#include "smtp/xattr.h"

#include "base/number.h"
#include "base/utf8.h"
#include "text/header.h"
#include "text/hostname.h"
#include "text/xtext.h"

#define VALUE_MAX       255
#define PROTO_MAX       64
#define PORT_DIGITS_MAX 5

static bool is_name(struct str s) { return hostname_is_valid(s, false); }

/* "IPV6:2001:db8::1", "192.0.2.1"; an address of IPv4 in the form of IPv6 is taken for itself. */
static struct str bare_address(struct str s)
{
    str_skip_prefix_nocase(&s, STR("IPV6:"));
    struct str v4 = s;
    return str_skip_prefix_nocase(&v4, STR("::ffff:")) && hostname_is_ipv4(v4) ? v4 : s;
}

static bool is_address(struct str s)
{
    return str_skip_prefix_nocase(&s, STR("IPV6:")) ? hostname_is_ipv6(s) : hostname_is_ipv4(s);
}

static bool is_port(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!char_is_digit(s.ptr[i]))
            return false;
    return s.len > 0 && s.len <= PORT_DIGITS_MAX;
}

static bool is_short(struct str s) { return s.len <= PROTO_MAX; }

static bool is_protocol(struct str s)
{
    return str_equal_nocase(s, STR("SMTP")) || str_equal_nocase(s, STR("ESMTP"));
}

static bool is_source(struct str s)
{
    return str_equal_nocase(s, STR("LOCAL")) || str_equal_nocase(s, STR("REMOTE"));
}

static const struct {
    struct str name;
    bool xclient, xforward;
    bool (*check)(struct str value);      /* NULL: anything goes */
    void (*tame)(char *text, size_t len); /* before that; NULL: as it is */
} attrs[SMTP_XATTR_COUNT] = {
#define ATTR(id, xclient, xforward, check, tame) \
    [SMTP_XATTR_##id] = { STR(#id), xclient, xforward, check, tame }
    ATTR(NAME, true, true, is_name, NULL),
    ATTR(ADDR, true, true, is_address, NULL),
    ATTR(PORT, true, true, is_port, NULL),
    ATTR(PROTO, true, true, is_short, header_make_harmless),
    ATTR(HELO, true, true, NULL, header_make_harmless),
    ATTR(REVERSE_NAME, true, false, is_name, NULL),
    ATTR(LOGIN, true, false, NULL, utf8_make_printable),
    ATTR(DESTADDR, true, false, is_address, NULL),
    ATTR(DESTPORT, true, false, is_port, NULL),
    ATTR(IDENT, false, true, NULL, header_make_harmless),
    ATTR(SOURCE, false, true, is_source, NULL),
#undef ATTR
};

struct str smtp_xattr_name(enum smtp_xattr attr) { return attrs[attr].name; }

static enum smtp_xattr find_attr(struct str name, bool xclient)
{
    for (enum smtp_xattr x = 0; x < SMTP_XATTR_COUNT; x++)
        if ((xclient ? attrs[x].xclient : attrs[x].xforward) &&
            str_equal_nocase(name, attrs[x].name))
            return x;
    return SMTP_XATTR_COUNT;
}

static struct str complain(struct arena *a, struct str what, struct str arg, struct str more,
                           struct str value)
{
    BUF_AUTO(text, 0);

    buf_join(&text, STR("5.5.4 "), what, arg, more, value);
    return arena_str(a, buf_str(&text));
}

/* What is said instead of a value; ABSENT if `value` is one. */
static enum smtp_xvalue missing_kind(enum smtp_xattr x, struct str value, bool xclient)
{
    bool may_lack = !xclient || x != SMTP_XATTR_PROTO;
    bool may_change = xclient && attrs[x].check == is_name;

    if (may_lack && str_equal_nocase(value, STR("[UNAVAILABLE]")))
        return SMTP_XVALUE_UNAVAILABLE;
    if (may_change && str_equal_nocase(value, STR("[TEMPUNAVAIL]")))
        return SMTP_XVALUE_TEMPORARY;
    return SMTP_XVALUE_ABSENT;
}

static bool set_value(enum smtp_xattr x, struct str value, const struct smtp_xattr_rules *rules,
                      struct arena *a, struct smtp_xattrs *out)
{
    BUF_AUTO(decoded, VALUE_MAX + 1);

    enum smtp_xvalue missing = missing_kind(x, value, rules->xclient);
    if (missing) {
        out->kind[x] = missing;
        out->value[x] = STR("");
        return true;
    }
    if (!xtext_decode(value, &decoded)) /* stands for itself, as clients send it */
        buf_add(&decoded, value);
    buf_truncate(&decoded, MIN(decoded.len, str_find(buf_str(&decoded), '\0')));
    if (attrs[x].tame && decoded.len)
        attrs[x].tame(decoded.ptr, decoded.len);
    struct str text = buf_str(&decoded);
    if ((attrs[x].check && !attrs[x].check(text)) ||
        (x == SMTP_XATTR_PROTO && rules->xclient && !is_protocol(text)))
        return false;
    if (attrs[x].check == is_address)
        text = bare_address(text);
    if (attrs[x].check == is_address && !rules->ipv6 && hostname_is_ipv6(text))
        return false;
    out->kind[x] = SMTP_XVALUE_GIVEN;
    out->value[x] = arena_str(a, text);
    return true;
}

/* What was meant by a value that is refused. */
static struct str shown_value(struct str value, bool xclient, struct arena *a)
{
    BUF_AUTO(decoded, VALUE_MAX + 1);

    if (!xtext_decode(value, &decoded) || decoded.len == 0)
        return value;
    (xclient ? utf8_make_printable : header_make_harmless)(decoded.ptr, decoded.len);
    return arena_str(a, buf_str(&decoded));
}

/* One `NAME=value`. */
static bool parse_one(struct str word, const struct smtp_xattr_rules *rules, struct arena *a,
                      struct smtp_xattrs *out, struct str *error)
{
    struct str command = rules->xclient ? STR("XCLIENT") : STR("XFORWARD");
    struct str value = word;
    struct str name = str_cut(&value, '=');

    if (name.len == word.len || value.len == 0) {
        *error = STR("5.5.4 Error: attribute=value expected");
        return false;
    }
    if (value.len > VALUE_MAX) {
        *error = STR("5.5.4 Error: attribute value too long");
        return false;
    }
    enum smtp_xattr x = find_attr(name, rules->xclient);
    if (x == SMTP_XATTR_COUNT) {
        *error = complain(a, STR("Bad "), command, STR(" attribute name: "), name);
        return false;
    }
    if (!set_value(x, value, rules, a, out)) {
        *error = complain(a, STR("Bad "), attrs[x].name, STR(" syntax: "),
                          shown_value(value, rules->xclient, a));
        return false;
    }
    return true;
}

bool smtp_xattrs_parse(struct str args, const struct smtp_xattr_rules *rules, struct arena *a,
                       struct smtp_xattrs *out, struct str *error)
{
    struct str word;
    struct smtp_xattrs got = { .kind = { SMTP_XVALUE_ABSENT } };
    bool any = false;

    while (str_token(&args, " \t", &word)) {
        any = true;
        if (!parse_one(word, rules, a, &got, error))
            return false;
    }
    if (!any) {
        *error = rules->xclient ? STR("5.5.4 Syntax: XCLIENT attribute=value...")
                                : STR("5.5.4 Syntax: XFORWARD attribute=value...");
        return false;
    }
    *out = got;
    return true;
}

void smtp_xattr_format(enum smtp_xattr attr, struct str value, struct buf *out)
{
    buf_join(out, STR(" "), attrs[attr].name, STR("="));
    if (value.len == 0) {
        buf_add(out, STR("[UNAVAILABLE]"));
        return;
    }
    if (attrs[attr].check == is_address && hostname_is_ipv6(value))
        buf_add(out, STR("IPV6:"));
    xtext_encode(value, out);
}
