/* Trust that does not come from the authorities of main.cf.
 *
 * OpenSSL knows one way to say whom a certificate must come from besides a list of authorities: the TLSA records of DANE.
 * Fingerprints and trust anchors are told to it as records, too, with a matching type of our own for the digest of
 * fingerprints. */
#include "base/log.h"
#include "base/number.h"
#include "tls/client_side.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#define BLANKS ", \t\r\n"

enum { USAGE_TA = 2, USAGE_EE = 3 };
enum { SELECT_CERT, SELECT_KEY };
enum { MATCH_FULL = 0, MATCH_SHA256 = 1, MATCH_SHA512 = 2, MATCH_OUR_DIGEST = 255 };
#define SHOWN_BYTES 32 /* of long data, at both ends */

/* ---- digests of records (tls_dane_digests) ---- */

static const struct {
    struct str name;
    int number;
} registered[] = { { STR("sha256"), MATCH_SHA256 }, { STR("sha512"), MATCH_SHA512 } };

static int64_t number_of(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(registered); i++)
        if (str_equal_nocase(name, registered[i].name))
            return registered[i].number;
    return 0;
}

/* What stands first is preferred; a record with another digest is not looked at then. */
static bool use_digest(SSL_CTX *context, struct str word, unsigned char preference)
{
    struct str rest = word, name = str_cut(&rest, '=');
    BUF_AUTO(text, 64);
    int64_t number = number_of(name);

    if (str_has(word, '=') ? !number_parse_range(rest, 1, MATCH_OUR_DIGEST - 1, &number)
                           : number == 0) {
        log_warning("tls_dane_digests: digest algorithm " STR_FMT " needs an explicit number",
                    STR_ARG(name));
        return true;
    }
    buf_add(&text, name);
    const EVP_MD *digest = EVP_get_digestbyname(buf_cstr(&text));
    if (digest == NULL) {
        log_warning("tls_dane_digests: digest algorithm \"" STR_FMT "\"(%d) unknown", STR_ARG(name),
                    (int)number);
        return true;
    }
    return SSL_CTX_dane_mtype_set(context, digest, (uint8_t)number, preference) == 1;
}

bool pins_open(struct tls_engine *e)
{
    struct str words = e->common->tls_dane_digests, word;
    unsigned char preference = UINT8_MAX;
    bool ok = SSL_CTX_dane_enable(e->context) == 1 &&
              SSL_CTX_dane_mtype_set(e->context, NULL, MATCH_SHA256, 0) == 1 &&
              SSL_CTX_dane_mtype_set(e->context, NULL, MATCH_SHA512, 0) == 1 &&
              SSL_CTX_dane_mtype_set(e->context, e->digest, MATCH_OUR_DIGEST, 1) == 1;

    while (ok && str_token(&words, BLANKS, &word))
        ok = use_digest(e->context, word, preference--);
    if (!ok) {
        log_warning("cannot set up DANE TLSA records: disabling TLS support");
        errors_log();
    }
    return ok;
}

/* ---- one pin ---- */

static void show(const struct tls_pin *pin, struct buf *out)
{
    bool shorten = pin->data.len > 2UL * SHOWN_BYTES;

    buf_addf(out, "%u %u %u ", pin->usage, pin->selector, pin->matching);
    for (size_t i = 0; i < pin->data.len; i++) {
        if (shorten && i == SHOWN_BYTES) {
            buf_add(out, STR("..."));
            i = pin->data.len - SHOWN_BYTES;
        }
        buf_addf(out, "%02X", (unsigned char)pin->data.ptr[i]);
    }
}

/* False: OpenSSL cannot use it, logged. */
static bool add_pin(const struct tls_session *t, const struct tls_pin *pin)
{
    BUF_AUTO(text, 0);

    if (SSL_dane_tlsa_add(t->ssl, pin->usage, pin->selector, pin->matching,
                          (const unsigned char *)pin->data.ptr, pin->data.len) > 0)
        return true;
    ERR_clear_error();
    show(pin, &text);
    log_warning(STR_FMT ": unusable TLSA RR: " STR_FMT, STR_ARG(t->peer), STR_ARG(buf_str(&text)));
    return false;
}

static void log_pin(const struct tls_session *t, const char *what, const struct tls_pin *pin)
{
    BUF_AUTO(text, 0);

    if (!(t->log & TLS_LOG_DANE))
        return;
    show(pin, &text);
    log_info("%s: " STR_FMT, what, STR_ARG(buf_str(&text)));
}

/* ---- fingerprints ---- */

/* Bytes of hexadecimal digits with or without colons between them, as the policy has found them to be. */
static void parse_digits(struct str text, struct buf *out)
{
    int high = -1;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == ':')
            continue;
        int digit = OPENSSL_hexchar2int((unsigned char)text.ptr[i]);
        if (high >= 0)
            buf_addc(out, (char)(high << 4 | digit));
        high = high < 0 ? digit : -1;
    }
}

static bool add_digest(const struct tls_session *t, struct str text)
{
    static const unsigned char selectors[] = { SELECT_CERT, SELECT_KEY };
    BUF_AUTO(bytes, 256);
    bool usable = false;

    parse_digits(text, &bytes);
    for (size_t i = 0; i < ARRAY_LEN(selectors); i++) {
        struct tls_pin pin = { NULL, USAGE_EE, selectors[i], MATCH_OUR_DIGEST, buf_str(&bytes) };
        log_pin(t, "fingerprint: digest as private-use TLSA record", &pin);
        usable |= add_pin(t, &pin);
    }
    return usable;
}

static bool add_digests(const struct tls_session *t, struct str digests)
{
    struct str one;
    bool usable = false;

    while (str_token(&digests, BLANKS, &one))
        usable |= add_digest(t, one);
    return usable;
}

/* ---- trust anchors ---- */

/* It may be an authority's, or the server's own. */
static bool add_anchor_object(const struct tls_session *t, const struct tls_anchor *anchor,
                              bool is_key, struct str der)
{
    struct tls_pin pin = { NULL, USAGE_TA, is_key ? SELECT_KEY : SELECT_CERT, MATCH_FULL, der };
    BUF_AUTO(what, 0);

    buf_join(&what, is_key ? STR("TA pkey") : STR("TA cert"), STR(" as TLSA record: "),
             anchor->file);
    log_pin(t, buf_cstr(&what), &pin);
    if (!add_pin(t, &pin))
        return false;
    pin.usage = USAGE_EE;
    return add_pin(t, &pin);
}

static bool add_anchor(const struct tls_session *t, const struct tls_anchor *anchor)
{
    BIO *in = BIO_new_mem_buf(anchor->pem.ptr, (int)anchor->pem.len);
    char *name, *header;
    unsigned char *bytes;
    long length;
    bool usable = false;

    while (in && PEM_read_bio(in, &name, &header, &bytes, &length) == 1) {
        struct str der = { (const char *)bytes, (size_t)length };
        bool is_key = strcmp(name, PEM_STRING_PUBLIC) == 0;
        if (is_key || strcmp(name, PEM_STRING_X509) == 0)
            usable |= add_anchor_object(t, anchor, is_key, der);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(bytes);
    }
    BIO_free(in);
    ERR_clear_error(); /* the end of the text is an error, too */
    return usable;
}

static bool add_anchors(const struct tls_session *t, const struct tls_anchor *anchor)
{
    bool usable = false;

    for (; anchor; anchor = anchor->next)
        usable |= add_anchor(t, anchor);
    return usable;
}

/* ---- all of a wish ---- */

static bool add_records(const struct tls_session *t, const struct tls_pin *pin)
{
    bool usable = false;

    for (; pin; pin = pin->next)
        usable |= add_pin(t, pin);
    return usable;
}

static bool has_pins(const struct tls_client_wish *wish)
{
    return wish->match == TLS_MATCH_DIGESTS || wish->match == TLS_MATCH_PINS || wish->anchors;
}

static void note_unusable(struct tls_session *t, const char *what, bool falls_back)
{
    t->facts.unusable = true;
    log_warning(STR_FMT ": all %s unusable%s", STR_ARG(t->peer), what,
                falls_back ? ", fallback to unauthenticated TLS" : "");
    if (falls_back)
        return;
    t->fault = X509_V_ERR_UNSPECIFIED;
    t->fault_depth = 0;
}

bool pins_apply(struct tls_session *t)
{
    const struct tls_client_wish *wish = t->client->wish;

    if (!has_pins(wish))
        return true;
    if (SSL_dane_enable(t->ssl, NULL) <= 0) {
        log_warning(STR_FMT ": error enabling DANE-based certificate validation", STR_ARG(t->peer));
        errors_log();
        return false;
    }
    (void)SSL_dane_set_flags(t->ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    if (wish->match == TLS_MATCH_DIGESTS) {
        if (!add_digests(t, wish->digests))
            note_unusable(t, "fingerprints", false);
    } else if (wish->match == TLS_MATCH_PINS) {
        if (!add_records(t, wish->pins))
            note_unusable(t, "TLSA records", wish->may_fall_back);
    } else if (!add_anchors(t, wish->anchors)) {
        note_unusable(t, "trust anchors", false);
    }
    return true;
}

/* ---- afterwards ---- */

/* The pin that was recognised, and how far above the server's certificate; -1: none, or a session resumed. */
static int find_match(const struct tls_session *t, struct tls_pin *pin, bool *signed_by_key)
{
    const unsigned char *data;
    size_t length;
    EVP_PKEY *key = NULL;
    int depth = SSL_get0_dane_authority(t->ssl, NULL, &key);

    if (depth < 0 ||
        SSL_get0_dane_tlsa(t->ssl, &pin->usage, &pin->selector, &pin->matching, &data, &length) < 0)
        return -1;
    pin->data = (struct str){ (const char *)data, length };
    *signed_by_key = key != NULL;
    return depth;
}

bool pins_name(const struct tls_session *t)
{
    struct tls_pin pin;
    bool by_key;

    return find_match(t, &pin, &by_key) >= 0 && pin.usage == USAGE_TA;
}

static const char *kind_of(const struct tls_pin *pin, bool by_key)
{
    if (pin->usage == USAGE_EE)
        return "EE certificate";
    return by_key ? "TA public key verified certificate" : "TA certificate";
}

static void log_record(const struct tls_session *t, const struct tls_pin *pin, bool by_key,
                       int depth)
{
    BUF_AUTO(text, 0);

    show(pin, &text);
    log_info(STR_FMT ": Matched DANE %s at depth %d: " STR_FMT, STR_ARG(t->peer),
             kind_of(pin, by_key), depth, STR_ARG(buf_str(&text)));
}

static void log_digest(const struct tls_session *t, const struct tls_pin *pin)
{
    BUF_AUTO(text, 0);

    for (size_t i = 0; i < pin->data.len; i++)
        buf_addf(&text, "%02X", (unsigned char)pin->data.ptr[i]);
    log_info(STR_FMT ": Matched fingerprint: " STR_FMT, STR_ARG(t->peer), STR_ARG(buf_str(&text)));
}

void pins_log_match(const struct tls_session *t)
{
    struct tls_pin pin;
    bool by_key;
    int depth;

    if (!(t->log & (TLS_LOG_CERTMATCH | TLS_LOG_VERBOSE | TLS_LOG_PEERCERT)) ||
        (depth = find_match(t, &pin, &by_key)) < 0)
        return;
    switch (t->client->wish->match) {
    case TLS_MATCH_DIGESTS:
        log_digest(t, &pin);
        break;
    case TLS_MATCH_PINS:
        log_record(t, &pin, by_key, depth);
        break;
    default:
        log_info(STR_FMT ": Matched trust anchor at depth %d", STR_ARG(t->peer), depth);
        break;
    }
}
