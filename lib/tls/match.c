/* The names that a server's certificate has. */
#include "base/log.h"
#include "text/hostname.h"
#include "tls/client_side.h"

#include <openssl/x509v3.h>

static bool has_address(X509 *cert, const char *address)
{
    return X509_check_ip_asc(cert, address, 0) == 1;
}

/* OpenSSL takes `.x` for any name below x, and one of the certificate with `*.` for one label.  A subject without a name
 * has the one that was looked for. */
static bool has_host(struct tls_session *t, X509 *cert, const char *name)
{
    char *found = NULL;

    if (X509_check_host(cert, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, &found) != 1)
        return false;
    if (found && (t->log & (TLS_LOG_CERTMATCH | TLS_LOG_VERBOSE | TLS_LOG_PEERCERT)))
        log_info(STR_FMT ": matched peername: %s", STR_ARG(t->peer), found);
    if (found && t->facts.peer_name.len == 0)
        t->facts.peer_name = arena_str(&t->arena, str_from(found));
    OPENSSL_free(found);
    return true;
}

int match_names(struct tls_session *t, struct str names)
{
    X509 *cert = SSL_get0_peer_certificate(t->ssl);
    bool hosts = false, addresses = false;
    struct str name;

    while (cert && str_token(&names, " ", &name)) {
        if (str_equal(name, STR("."))) {
            log_warning(STR_FMT ": ignoring invalid match name: \".\"", STR_ARG(t->peer));
            continue;
        }
        bool is_address = hostname_is_address(name);
        const char *text = arena_cstr(&t->arena, name);
        if (is_address ? has_address(cert, text) : has_host(t, cert, text))
            return X509_V_OK;
        hosts |= !is_address;
        addresses |= is_address;
    }
    if (!hosts && !addresses) {
        log_warning(STR_FMT ": could not configure peer name checks", STR_ARG(t->peer));
        return X509_V_ERR_UNSPECIFIED;
    }
    return addresses ? X509_V_ERR_IP_ADDRESS_MISMATCH : X509_V_ERR_HOSTNAME_MISMATCH;
}
