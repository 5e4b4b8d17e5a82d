#include "base/number.h"
#include "tls/engine.h"

static const struct version {
    struct str name;
    int number;
    uint64_t forbids;
} versions[] = {
    /* OpenSSL has no SSLv2 any more: the name is known, and is always forbidden. */
    { STR("SSLv2"), 0, 0 },
    { STR("SSLv3"), SSL3_VERSION, SSL_OP_NO_SSLv3 },
    { STR("TLSv1"), TLS1_VERSION, SSL_OP_NO_TLSv1 },
    { STR("TLSv1.1"), TLS1_1_VERSION, SSL_OP_NO_TLSv1_1 },
    { STR("TLSv1.2"), TLS1_2_VERSION, SSL_OP_NO_TLSv1_2 },
    { STR("TLSv1.3"), TLS1_3_VERSION, SSL_OP_NO_TLSv1_3 },
};

static const struct version *find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        if (str_equal_nocase(name, versions[i].name))
            return &versions[i];
    return NULL;
}

static int hex_digit(char c)
{
    if (char_is_digit(c))
        return c - '0';
    c = char_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Any version that OpenSSL may have one day: `0303`. */
static bool parse_number(struct str text, int *number)
{
    int value = 0;

    (void)str_skip_prefix_nocase(&text, STR("0x"));
    if (text.len == 0 || text.len > 4)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = hex_digit(text.ptr[i]);
        if (digit < 0)
            return false;
        value = value * 16 + digit;
    }
    *number = value;
    return true;
}

static bool parse_limit(struct str text, int *limit)
{
    const struct version *known = find(text);

    if (str_equal_nocase(text, STR("None"))) {
        *limit = 0;
        return true;
    }
    if (known && known->number) {
        *limit = known->number;
        return true;
    }
    return parse_number(text, limit);
}

struct choice {
    uint64_t named, forbidden;
    bool names_any;
};

static bool parse_word(struct str word, struct protocol_range *range, struct choice *choice)
{
    if (str_skip_prefix(&word, STR(">=")))
        return parse_limit(word, &range->floor);
    if (str_skip_prefix(&word, STR("<=")))
        return parse_limit(word, &range->ceiling);
    bool forbidden = str_skip_prefix(&word, STR("!"));
    const struct version *version = find(word);
    if (version == NULL)
        return false;
    if (forbidden) {
        choice->forbidden |= version->forbids;
    } else {
        choice->named |= version->forbids;
        choice->names_any = true;
    }
    return true;
}

bool protocols_parse(struct str list, struct protocol_range *range)
{
    struct protocol_range found = { 0 };
    struct choice choice = { 0 };
    struct str word;

    while (str_token(&list, ", \t\r\n:", &word))
        if (!parse_word(word, &found, &choice))
            return false;
    for (size_t i = 0; choice.names_any && i < ARRAY_LEN(versions); i++)
        found.forbidden |= versions[i].forbids & ~choice.named;
    found.forbidden |= choice.forbidden;
    *range = found;
    return true;
}

bool protocols_apply(SSL *ssl, const struct protocol_range *range)
{
    SSL_set_options(ssl, range->forbidden);
    return SSL_set_min_proto_version(ssl, range->floor) == 1 &&
           SSL_set_max_proto_version(ssl, range->ceiling) == 1;
}
