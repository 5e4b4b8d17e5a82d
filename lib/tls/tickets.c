/* Session tickets: sealed with keys that all servers of the instance share, so that any of them can open what another one
 * issued.  The session inside names its service, and no other one takes it. */
#include "base/log.h"
#include "tls/engine.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <time.h>

#define CIPHER_IV 16

static bool is_usable(const EVP_CIPHER *cipher)
{
    return EVP_CIPHER_get_mode(cipher) == EVP_CIPH_CBC_MODE &&
           EVP_CIPHER_get_iv_length(cipher) == CIPHER_IV &&
           EVP_CIPHER_get_key_length(cipher) >= 16 &&
           EVP_CIPHER_get_key_length(cipher) <= (int)sizeof((struct tls_ticket_key *)0)->cipher;
}

static const EVP_CIPHER *cipher_of(const struct tls_engine *e)
{
    return EVP_get_cipherbyname(e->common->tls_session_ticket_cipher.ptr);
}

static void log_ticket(const struct tls_session *t, const char *what, int64_t expires)
{
    if (t->log & TLS_LOG_CACHE)
        log_info(STR_FMT ": %s session ticket, key expiration: %lld", STR_ARG(t->peer), what,
                 (long long)expires);
}

static bool set_mac(EVP_MAC_CTX *mac, struct tls_ticket_key *key)
{
    char digest[] = "sha256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

/* OpenSSL's protocol: 1 go on, 2 go on and issue a new one, 0 no ticket, -1 no session. */
static int seal(const struct tls_session *t, unsigned char *name, unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const struct tls_ticket_keys *keys = &t->engine->server.ticket_keys;
    struct tls_ticket_key key;

    if (!keys->find(keys->context, NULL, &key) || RAND_bytes(iv, CIPHER_IV) != 1)
        return 0;
    memcpy(name, key.name, sizeof key.name);
    int64_t expires = key.issues_until;
    int done = EVP_EncryptInit_ex2(cipher, cipher_of(t->engine), key.cipher, iv, NULL) == 1 &&
               set_mac(mac, &key);
    OPENSSL_cleanse(&key, sizeof key);
    if (!done)
        return -1;
    log_ticket(t, "Issuing", expires);
    return 1;
}

static int unseal(const struct tls_session *t, const unsigned char *name, unsigned char *iv,
                  EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const struct tls_ticket_keys *keys = &t->engine->server.ticket_keys;
    struct tls_ticket_key key;

    if (!keys->find(keys->context, name, &key))
        return 0;
    int64_t expires = key.issues_until;
    int done = EVP_DecryptInit_ex2(cipher, cipher_of(t->engine), key.cipher, iv, NULL) == 1 &&
               set_mac(mac, &key);
    OPENSSL_cleanse(&key, sizeof key);
    if (!done)
        return -1;
    log_ticket(t, "Decrypting", expires);
    return expires < (int64_t)time(NULL) ? 2 : 1;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int issue)
{
    const struct tls_session *t = session_of(ssl);

    return issue ? seal(t, name, iv, cipher, mac) : unseal(t, name, iv, cipher, mac);
}

/* Is there a cipher that tickets can be sealed with? */
static bool have_cipher(const struct tls_engine *e)
{
    struct str name = e->common->tls_session_ticket_cipher;

    if (name.len == 0)
        return false;
    const EVP_CIPHER *cipher = EVP_get_cipherbyname(name.ptr);
    if (cipher && is_usable(cipher))
        return true;
    log_warning("tls_session_ticket_cipher: invalid value: " STR_FMT "; session tickets disabled",
                STR_ARG(name));
    return false;
}

void tickets_open(struct tls_engine *e)
{
    const struct tls_server_settings *s = &e->server;
    bool wanted = s->session_lifetime > 0 && s->ticket_keys.find &&
                  !(SSL_CTX_get_options(e->context) & SSL_OP_NO_TICKET) && have_cipher(e);

    /* One is enough: a mail client comes with one connection at a time. */
    SSL_CTX_set_num_tickets(e->context, wanted || s->store.load ? 1 : 0);
    if (wanted)
        SSL_CTX_set_tlsext_ticket_key_evp_cb(e->context, on_ticket);
    else
        SSL_CTX_set_options(e->context, SSL_OP_NO_TICKET);
}
