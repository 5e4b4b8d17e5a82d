#include "text/dsn.h"

#include "base/utf8.h"
#include "text/xtext.h"

/* Up to three digits, as RFC 3463 has it. */
static size_t digits_length(struct str s)
{
    size_t n = 0;

    while (n < s.len && n < 3 && char_is_digit(s.ptr[n]))
        n++;
    return n;
}

size_t dsn_status_length(struct str s)
{
    size_t at = 1;

    if (s.len == 0 || (s.ptr[0] != '2' && s.ptr[0] != '4' && s.ptr[0] != '5'))
        return 0;
    for (int part = 0; part < 2; part++) {
        struct str rest = str_skip(s, at);
        if (rest.len == 0 || rest.ptr[0] != '.')
            return 0;
        size_t n = digits_length(str_skip(rest, 1));
        if (n == 0)
            return 0;
        at += 1 + n;
    }
    return at == s.len || char_is_space(s.ptr[at]) ? at : 0;
}

struct dsn_split dsn_status_split(struct str s, struct str fallback)
{
    struct str text = s;

    while (text.len && char_is_space(text.ptr[0]))
        text = str_skip(text, 1);
    size_t n = dsn_status_length(text);
    if (n == 0)
        return (struct dsn_split){ fallback, s };
    struct dsn_split split = { str_sub(text, 0, n), str_skip(text, n) };
    while (split.text.len && char_is_space(split.text.ptr[0]))
        split.text = str_skip(split.text, 1);
    return split;
}

static const struct {
    struct str word;
    unsigned bit;
} notify_words[] = {
    { STR("NEVER"), DSN_NOTIFY_NEVER },
    { STR("SUCCESS"), DSN_NOTIFY_SUCCESS },
    { STR("FAILURE"), DSN_NOTIFY_FAILURE },
    { STR("DELAY"), DSN_NOTIFY_DELAY },
};

static unsigned notify_bit(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(notify_words); i++)
        if (str_equal_nocase(word, notify_words[i].word))
            return notify_words[i].bit;
    return 0;
}

bool dsn_notify_parse(struct str text, unsigned *notify, struct str *bad)
{
    struct str rest = text;
    unsigned bits = 0;

    do {
        struct str word = str_cut(&rest, ',');
        unsigned bit = notify_bit(word);
        if (bit == 0) {
            if (bad)
                *bad = word;
            return false;
        }
        bits |= bit;
    } while (rest.len);
    if ((bits & DSN_NOTIFY_NEVER) && bits != DSN_NOTIFY_NEVER) {
        if (bad)
            *bad = text;
        return false;
    }
    *notify = bits;
    return true;
}

void dsn_notify_format(unsigned notify, struct buf *out)
{
    struct str separator = STR("");

    for (size_t i = 0; i < ARRAY_LEN(notify_words); i++) {
        if ((notify & notify_words[i].bit) == 0)
            continue;
        buf_join(out, separator, notify_words[i].word);
        separator = STR(",");
    }
}

bool dsn_ret_parse(struct str text, enum dsn_ret *ret)
{
    for (enum dsn_ret r = DSN_RET_FULL; r <= DSN_RET_HDRS; r++) {
        if (str_equal_nocase(text, dsn_ret_name(r))) {
            *ret = r;
            return true;
        }
    }
    return false;
}

struct str dsn_ret_name(enum dsn_ret ret)
{
    static const struct str names[] = {
        [DSN_RET_NONE] = STR(""), [DSN_RET_FULL] = STR("FULL"), [DSN_RET_HDRS] = STR("HDRS")
    };
    return names[ret];
}

static bool is_type(struct str type)
{
    for (size_t i = 0; i < type.len; i++)
        if (!char_is_alnum(type.ptr[i]) && type.ptr[i] != '-' && type.ptr[i] != '.')
            return false;
    return type.len > 0;
}

/* An original recipient ends up in reports and records: no line breaks, no NUL. */
static bool is_one_line(struct str s)
{
    return !str_has(s, '\n') && !str_has(s, '\r') && !str_has(s, '\0');
}

bool dsn_orcpt_parse(struct str text, bool utf8, struct buf *out)
{
    size_t start = out->len;
    size_t semicolon = str_find(text, ';');
    struct str type = str_sub(text, 0, semicolon);
    struct str address = semicolon == STR_NOT_FOUND ? STR("") : str_skip(text, semicolon + 1);

    if (!is_type(type) || semicolon == STR_NOT_FOUND)
        return false;
    buf_join(out, type, STR(";"));
    size_t head = out->len;
    bool good = utf8 && str_equal_nocase(type, STR("utf-8")) ? uxtext_decode(address, out)
                                                             : xtext_decode(address, out);
    if (!good || !is_one_line(str_skip(buf_str(out), head))) {
        buf_truncate(out, start);
        return false;
    }
    return true;
}

void dsn_orcpt_format(struct str orcpt, bool utf8, struct buf *out)
{
    struct str address = orcpt;
    struct str type = str_cut(&address, ';');

    if (!utf8_is_ascii(address) && utf8_is_valid(address)) {
        /* RFC 6533: the type says which of the encodings the address has. */
        buf_add(out, STR("utf-8;"));
        if (utf8) {
            uxtext_encode(address, out);
            return;
        }
        xtext_encode(address, out);
        return;
    }
    buf_join(out, type, STR(";"));
    if (str_equal_nocase(type, STR("utf-8")) && utf8)
        uxtext_encode(address, out);
    else
        xtext_encode(address, out);
}
