#include "base/log.h"
#include "tls/engine.h"

static const struct {
    struct str name;
    size_t offset; /* of the list in struct tls_params */
} grades[] = {
    { STR("high"), offsetof(struct tls_params, tls_high_cipherlist) },
    { STR("medium"), offsetof(struct tls_params, tls_medium_cipherlist) },
    { STR("low"), offsetof(struct tls_params, tls_medium_cipherlist) },
    { STR("export"), offsetof(struct tls_params, tls_medium_cipherlist) },
    { STR("null"), offsetof(struct tls_params, tls_null_cipherlist) },
};

static const struct str *list_of(const struct tls_params *common, struct str grade)
{
    for (size_t i = 0; i < ARRAY_LEN(grades); i++)
        if (str_equal_nocase(grade, grades[i].name))
            return (const struct str *)(const void *)((const char *)common + grades[i].offset);
    return NULL;
}

static bool exclude(struct str peer, struct str tokens, struct buf *list)
{
    struct str token;

    while (str_token(&tokens, ", \t\r\n:", &token)) {
        if (strchr("!+-@", token.ptr[0])) {
            log_warning(STR_FMT ": invalid unary '!+-@' in cipher exclusion: " STR_FMT,
                        STR_ARG(peer), STR_ARG(token));
            return false;
        }
        buf_join(list, STR(":!"), token);
    }
    return true;
}

bool ciphers_compose(const struct tls_params *common, struct str peer, struct str grade,
                     const struct str *exclusions, size_t count, struct buf *list)
{
    const struct str *base = list_of(common, grade);

    if (base == NULL) {
        log_warning(STR_FMT ": invalid cipher grade: \"" STR_FMT "\"", STR_ARG(peer),
                    STR_ARG(grade));
        return false;
    }
    buf_add(list, *base);
    for (size_t i = 0; i < count; i++)
        if (!exclude(peer, exclusions[i], list))
            return false;
    return true;
}

/* Sorting the ciphers of a list takes longer than much of a handshake, so it is done when the list changes. */
bool ciphers_apply(struct tls_engine *e, struct str peer, unsigned log, struct str list)
{
    if (log & TLS_LOG_VERBOSE)
        log_info(STR_FMT ": TLS cipher list \"" STR_FMT "\"", STR_ARG(peer), STR_ARG(list));
    if (e->cipher_list.len && str_equal(buf_str(&e->cipher_list), list))
        return true;
    buf_clear(&e->cipher_list);
    buf_add(&e->cipher_list, list);
    if (SSL_CTX_set_cipher_list(e->context, buf_cstr(&e->cipher_list)) == 1)
        return true;
    buf_clear(&e->cipher_list);
    return false;
}
