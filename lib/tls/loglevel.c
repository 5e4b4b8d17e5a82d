/* The words and numbers of *_tls_loglevel. */
#include "base/log.h"
#include "base/number.h"
#include "tls/tls.h"

#define ROUTINE   TLS_LOG_SUMMARY
#define DEBUG     (ROUTINE | TLS_LOG_VERBOSE | TLS_LOG_CACHE | TLS_LOG_DEBUG)
#define EXPERT    (DEBUG | TLS_LOG_HANDSHAKE_DUMP)
#define DEVELOPER (EXPERT | TLS_LOG_SESSION_DUMP)

static const struct {
    struct str word;
    unsigned bits;
} words[] = {
    { STR("none"), 0 },
    { STR("routine"), ROUTINE },
    { STR("debug"), DEBUG },
    { STR("ssl-expert"), EXPERT },
    { STR("ssl-developer"), DEVELOPER },
    { STR("summary"), TLS_LOG_SUMMARY },
    { STR("verbose"), TLS_LOG_VERBOSE },
    { STR("cache"), TLS_LOG_CACHE },
    { STR("ssl-debug"), TLS_LOG_DEBUG },
    { STR("untrusted"), TLS_LOG_UNTRUSTED },
    { STR("peercert"), TLS_LOG_PEERCERT },
    { STR("certmatch"), TLS_LOG_CERTMATCH },
    { STR("dane"), TLS_LOG_DANE },
    { STR("ssl-handshake-packet-dump"), TLS_LOG_HANDSHAKE_DUMP },
    { STR("ssl-session-packet-dump"), TLS_LOG_SESSION_DUMP },
};

static bool number_bits(struct str text, unsigned *bits)
{
    static const unsigned levels[] = { 0, ROUTINE, DEBUG, EXPERT, DEVELOPER };
    int64_t number;

    if (!number_parse_range(text, 0, 9, &number))
        return false;
    *bits = levels[MIN((size_t)number, ARRAY_LEN(levels) - 1)];
    return true;
}

static bool word_bits(struct str word, unsigned *bits)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!str_equal_nocase(word, words[i].word))
            continue;
        *bits = words[i].bits;
        return true;
    }
    return number_bits(word, bits);
}

unsigned tls_log_parse(const char *parameter, struct str text)
{
    struct str rest = text, word;
    unsigned bits = 0, more;

    while (str_token(&rest, ", \t\r\n", &word)) {
        if (!word_bits(word, &more)) {
            log_warning("unknown %s value \"" STR_FMT "\" in \"" STR_FMT "\"", parameter,
                        STR_ARG(word), STR_ARG(text));
            return 0;
        }
        bits |= more;
    }
    return bits;
}
