/* Keys that another process holds: here the process is this one. */
#include "tls/engine.h"
#include "unit.h"

#include <openssl/dsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

static struct tls_keys *held;

static bool hand_over(void *context, int fd, struct buf *text)
{
    (void)context;
    (void)fd;
    (void)text;
    return false;
}

static bool act(void *context, const struct tls_task *task, struct buf *result)
{
    ++*(int *)context;
    return keys_act(held, task, result);
}

static struct str pem_of(EVP_PKEY *key, struct arena *a)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text;

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
    long n = BIO_get_mem_data(out, &text);
    struct str copy = arena_str(a, (struct str){ text, (size_t)n });
    BIO_free(out);
    return copy;
}

static EVP_PKEY *stand_in_of(struct str pem, const struct tls_signer *signer)
{
    BUF_AUTO(public, 0);
    char *name, *header;
    unsigned char *data;
    long length;

    held = keys_new();
    keys_take(held, pem, &public);
    assert_int_equal(str_find_str(buf_str(&public), STR("PRIVATE KEY")), STR_NOT_FOUND);
    BIO *in = BIO_new_mem_buf(public.ptr, (int)public.len);
    assert_int_equal(PEM_read_bio(in, &name, &header, &data, &length), 1);
    assert_string_equal(name, STAND_IN_NAME);
    EVP_PKEY *key = stand_in_key(signer, data, length);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    BIO_free(in);
    return key;
}

static const EVP_MD *digest_for(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448") ? NULL : EVP_sha256();
}

static void sign_and_verify(EVP_PKEY *key, EVP_PKEY *stand_in, bool pss)
{
    static const unsigned char text[] = "what is signed";
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options;
    unsigned char signature[1024];
    size_t length = sizeof signature;

    assert_int_equal(EVP_DigestSignInit(m, &options, digest_for(key), NULL, stand_in), 1);
    if (pss)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_DigestSign(m, signature, &length, text, sizeof text), 1);
    EVP_MD_CTX_reset(m);
    assert_int_equal(EVP_DigestVerifyInit(m, &options, digest_for(key), NULL, key), 1);
    if (pss)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_DigestVerify(m, signature, length, text, sizeof text), 1);
    EVP_MD_CTX_free(m);
}

static void check(EVP_PKEY *key, bool pss)
{
    int used = 0;
    struct tls_signer signer = { hand_over, act, &used };
    ARENA_AUTO(a);
    EVP_PKEY *stand_in = stand_in_of(pem_of(key, &a), &signer);

    assert_non_null(stand_in);
    sign_and_verify(key, stand_in, pss);
    assert_int_equal(used, 1);
    EVP_PKEY_free(stand_in);
    EVP_PKEY_free(key);
    keys_free(held);
}

static void keys_of_rsa_and_of_curves_sign_from_afar(void **state)
{
    (void)state;
    check(EVP_RSA_gen(2048), false);
    check(EVP_RSA_gen(2048), true);
    check(EVP_EC_gen("prime256v1"), false);
    check(EVP_EC_gen("secp384r1"), false);
}

static EVP_PKEY *key_of(const char *kind)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    EVP_PKEY *key = NULL;

    assert_int_equal(EVP_PKEY_keygen_init(c), 1);
    assert_int_equal(EVP_PKEY_generate(c, &key), 1);
    EVP_PKEY_CTX_free(c);
    return key;
}

static void a_key_of_pss_alone_signs_from_afar(void **state)
{
    (void)state;
    check(key_of("RSA-PSS"), true);
}

static void a_key_that_signs_texts_signs_from_afar(void **state)
{
    (void)state;
    check(key_of("ED25519"), false);
    check(key_of("ED448"), false);
}

static void a_key_of_dsa_signs_from_afar(void **state)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL);
    EVP_PKEY *numbers = NULL, *key = NULL;

    (void)state;
    assert_int_equal(EVP_PKEY_paramgen_init(c), 1);
    assert_int_equal(EVP_PKEY_CTX_set_dsa_paramgen_bits(c, 1024), 1);
    assert_int_equal(EVP_PKEY_paramgen(c, &numbers), 1);
    EVP_PKEY_CTX_free(c);
    c = EVP_PKEY_CTX_new(numbers, NULL);
    assert_int_equal(EVP_PKEY_keygen_init(c), 1);
    assert_int_equal(EVP_PKEY_generate(c, &key), 1);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(numbers);
    check(key, false);
}

/* The method of stand-ins is known to all keys of the kind by now. */
static void a_key_of_our_own_signs_as_ever(void **state)
{
    EVP_PKEY *key = key_of("ED25519");

    (void)state;
    sign_and_verify(key, key, false);
    EVP_PKEY_free(key);
}

static void a_key_of_another_kind_stays_in_the_text(void **state)
{
    EVP_PKEY *key = key_of("X25519");
    ARENA_AUTO(a);
    struct str pem = pem_of(key, &a);
    BUF_AUTO(public, 0);

    (void)state;
    held = keys_new();
    keys_take(held, pem, &public);
    assert_true(str_equal(buf_str(&public), pem));
    keys_free(held);
    EVP_PKEY_free(key);
}

static void what_is_no_task_for_a_key_is_refused(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("prime256v1");
    ARENA_AUTO(a);
    BUF_AUTO(public, 0);
    BUF_AUTO(result, 0);
    char much[4096] = { 0 };
    const struct tls_task tasks[] = {
        { 1, TLS_SIGN_DIGEST, 0, STR("x") },
        { -1, TLS_SIGN_DIGEST, 0, STR("x") },
        { 0, TLS_SIGN_RSA, RSA_PKCS1_PADDING, STR("x") },
        { 0, TLS_SIGN_TEXT, 0, STR("x") },
        { 0, (enum tls_operation)7, 0, STR("x") },
        { 0, TLS_SIGN_DIGEST, 0, { much, sizeof much } },
    };

    (void)state;
    held = keys_new();
    keys_take(held, pem_of(key, &a), &public);
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
        assert_false(keys_act(held, &tasks[i], &result));
    assert_int_equal(result.len, 0);
    keys_free(held);
    EVP_PKEY_free(key);
}

static void a_file_without_keys_is_no_empty_text(void **state)
{
    BUF_AUTO(public, 0);

    (void)state;
    held = keys_new();
    keys_take(held, STR("# nothing yet\n"), &public);
    assert_true(public.len > 0);
    keys_free(held);
}

static void a_broken_file_stays_broken(void **state)
{
    BUF_AUTO(public, 0);
    BIO *in;
    char *name, *header;
    unsigned char *data;
    long length;

    (void)state;
    held = keys_new();
    keys_take(held, STR("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"), &public);
    in = BIO_new_mem_buf(public.ptr, (int)public.len);
    assert_int_equal(PEM_read_bio(in, &name, &header, &data, &length), 0);
    assert_true(errors_are_queued());
    BIO_free(in);
    keys_free(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_rsa_and_of_curves_sign_from_afar),
        cmocka_unit_test(a_key_of_pss_alone_signs_from_afar),
        cmocka_unit_test(a_key_that_signs_texts_signs_from_afar),
        cmocka_unit_test(a_key_of_dsa_signs_from_afar),
        cmocka_unit_test(a_key_of_our_own_signs_as_ever),
        cmocka_unit_test(a_key_of_another_kind_stays_in_the_text),
        cmocka_unit_test(what_is_no_task_for_a_key_is_refused),
        cmocka_unit_test(a_file_without_keys_is_no_empty_text),
        cmocka_unit_test(a_broken_file_stays_broken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
