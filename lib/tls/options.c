/* Words for bits of OpenSSL. */
#include "base/log.h"
#include "tls/engine.h"

#include <errno.h>
#include <stdlib.h>

struct word {
    struct str name;
    uint64_t bit;
};

static const struct word options[] = {
    { STR("LEGACY_SERVER_CONNECT"), SSL_OP_LEGACY_SERVER_CONNECT },
    { STR("NO_TICKET"), SSL_OP_NO_TICKET },
    { STR("NO_COMPRESSION"), SSL_OP_NO_COMPRESSION },
    { STR("NO_RENEGOTIATION"), SSL_OP_NO_RENEGOTIATION },
    { STR("NO_SESSION_RESUMPTION_ON_RENEGOTIATION"),
      SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION },
    { STR("PRIORITIZE_CHACHA"), SSL_OP_PRIORITIZE_CHACHA },
    { STR("ENABLE_MIDDLEBOX_COMPAT"), SSL_OP_ENABLE_MIDDLEBOX_COMPAT },
};

static const struct word workarounds[] = {
    { STR("SAFARI_ECDHE_ECDSA_BUG"), SSL_OP_SAFARI_ECDHE_ECDSA_BUG },
    { STR("DONT_INSERT_EMPTY_FRAGMENTS"), SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS },
    { STR("TLSEXT_PADDING"), SSL_OP_TLSEXT_PADDING },
    { STR("CRYPTOPRO_TLSEXT_BUG"), SSL_OP_CRYPTOPRO_TLSEXT_BUG },
};

/* What other settings decide, or nobody may. */
#define NOT_BY_MASK                                                                           \
    (SSL_OP_ALL | SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_2 | \
     SSL_OP_NO_TLSv1_3 | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF)

static bool parse_mask(struct str word, uint64_t *bits)
{
    char text[20], *end;

    if (!str_starts_nocase(word, STR("0x")) || !str_to_cstring(word, text, sizeof text))
        return false;
    errno = 0;
    *bits = strtoull(text, &end, 16);
    return errno == 0 && *end == '\0' && end > text + 2;
}

static bool find(const struct word *words, size_t count, struct str name, uint64_t *bits)
{
    for (size_t i = 0; i < count; i++) {
        if (!str_equal_nocase(name, words[i].name))
            continue;
        *bits = words[i].bit;
        return true;
    }
    return parse_mask(name, bits);
}

static uint64_t parse(const char *parameter, struct str text, const struct word *words,
                      size_t count)
{
    struct str rest = text, word;
    uint64_t all = 0, bits;

    while (str_token(&rest, ", \t\r\n", &word)) {
        if (find(words, count, word, &bits))
            all |= bits;
        else
            log_warning("unknown %s value \"" STR_FMT "\" in \"" STR_FMT "\"", parameter,
                        STR_ARG(word), STR_ARG(text));
    }
    return all;
}

uint64_t options_parse(const struct tls_params *common)
{
    uint64_t wanted =
        parse("tls_ssl_options", common->tls_ssl_options, options, ARRAY_LEN(options));
    uint64_t unwanted = parse("tls_disable_workarounds", common->tls_disable_workarounds,
                              workarounds, ARRAY_LEN(workarounds));

    return (SSL_OP_ALL & ~unwanted) | (wanted & ~NOT_BY_MASK) | SSL_OP_NO_RENEGOTIATION |
           SSL_OP_IGNORE_UNEXPECTED_EOF |
           (common->tls_preempt_cipherlist ? SSL_OP_CIPHER_SERVER_PREFERENCE : 0);
}
