/* Key exchange. */
#include "base/log.h"
#include "base/mem.h"
#include "tls/engine.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>

/* The macro takes its argument for something that it may change. */
static int set_groups(SSL_CTX *context, struct buf *list)
{
    return (int)SSL_CTX_set1_groups_list(context, mem_unconst(buf_cstr(list)));
}

/* A name that OpenSSL does not know, or has in the list already, is left out. */
static void add_usable(SSL_CTX *context, struct str names, struct buf *list)
{
    struct str name;

    while (str_token(&names, ", \t\r\n:", &name)) {
        size_t before = list->len;
        if (before)
            buf_addc(list, ':');
        buf_add(list, name);
        if (set_groups(context, list) == 1)
            continue;
        buf_truncate(list, before);
        ERR_clear_error();
    }
}

void groups_apply(SSL_CTX *context, const struct tls_params *common)
{
    BUF_AUTO(list, 0);

    if (common->tls_eecdh_auto_curves.len == 0 && common->tls_ffdhe_auto_groups.len == 0)
        return;
    add_usable(context, common->tls_eecdh_auto_curves, &list);
    add_usable(context, common->tls_ffdhe_auto_groups, &list);
    if (list.len == 0) {
        log_warning("none of the configured key exchange groups are supported");
        log_warning("using Postfix default key exchange groups instead");
        add_usable(context, STR("X25519 X448 prime256v1 secp384r1 secp521r1 ffdhe2048 ffdhe3072"),
                   &list);
    }
    /* A name that was refused leaves OpenSSL without the list before it. */
    (void)set_groups(context, &list);
}

static EVP_PKEY *read_parameters(const char *file)
{
    BIO *bio = BIO_new_file(file, "r");

    if (bio == NULL) {
        log_warning("error opening DH parameter file \"%s\": %s -- using compiled-in defaults",
                    file, strerror(errno));
        ERR_clear_error();
        return NULL;
    }
    EVP_PKEY *parameters = PEM_read_bio_Parameters(bio, NULL);
    BIO_free(bio);
    if (parameters == NULL || !EVP_PKEY_is_a(parameters, "DH")) {
        log_warning("error decoding DH parameters from file \"%s\" -- using compiled-in defaults",
                    file);
        errors_log();
        EVP_PKEY_free(parameters);
        return NULL;
    }
    return parameters;
}

void dh_apply(SSL_CTX *context, struct str file)
{
    EVP_PKEY *parameters =
        file.len && !str_equal_nocase(file, STR("auto")) ? read_parameters(file.ptr) : NULL;

    if (parameters == NULL)
        SSL_CTX_set_dh_auto(context, 1);
    else if (SSL_CTX_set0_tmp_dh_pkey(context, parameters) != 1)
        EVP_PKEY_free(parameters);
}
