/* A server that asks anything: no answer is longer than it may be, and who does not know the password is not believed. */
#include "base/attr.h"
#include "sasl/client.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Hashes that nobody can guess from the input. */
static bool make_hash(enum digest_hash hash, struct str bytes, unsigned char *out)
{
    uint64_t h = UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)hash;

    for (size_t i = 0; i < bytes.len; i++)
        h = (h ^ (unsigned char)bytes.ptr[i]) * UINT64_C(0x100000001b3);
    for (int i = 0; i < DIGEST_MAX; i++)
        out[i] = (unsigned char)(h >> (8 * (i % 8)));
    return true;
}

static bool make_hmac(enum digest_hash hash, struct str key, struct str bytes, unsigned char *out)
{
    (void)key;
    return make_hash(hash, bytes, out);
}

static bool derive(enum digest_hash hash, struct str password, struct str salt, int rounds,
                   unsigned char *out)
{
    (void)password;
    (void)rounds;
    return make_hash(hash, salt, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct digests digests = { make_hash, make_hmac, derive };
    static const struct str names[] = { STR("OAUTHBEARER"), STR("XOAUTH2"),  STR("SCRAM-SHA-256"),
                                        STR("SCRAM-SHA-1"), STR("CRAM-MD5"), STR("PLAIN"),
                                        STR("LOGIN") };
    const struct sasl_credentials who = { .user = STR("us=er,"),
                                          .password = STR("secret"),
                                          .authzid = STR(""),
                                          .host = STR("mx.test"),
                                          .port = 587,
                                          .nonce = STR("nonce"),
                                          .digests = &digests };
    struct sasl_policy policy = { 0 };
    struct sasl_client c;
    BUF_AUTO(first, SASL_TEXT_MAX);

    if (size == 0)
        return 0;
    struct str rest = { (const char *)data + 1, size - 1 };
    sasl_client_init(&c, sasl_client_choose(names[data[0] % ARRAY_LEN(names)], policy, true), &who);
    (void)sasl_client_first(&c, &first);
    for (int i = 0; i < 10 && rest.len; i++) {
        BUF_AUTO(response, SASL_TEXT_MAX);
        if (!sasl_client_respond(&c, str_cut(&rest, '\n'), &response))
            break;
        if (response.len > SASL_TEXT_MAX || c.step > 4)
            abort();
    }
    if (data[0] % ARRAY_LEN(names) - 2U < 2U && sasl_client_is_content(&c) && c.step < 3)
        abort();
    sasl_client_fini(&c);
    return 0;
}
