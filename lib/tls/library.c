/* OpenSSL's own configuration. */
#include "base/log.h"
#include "tls/engine.h"

#include <openssl/conf.h>
#include <openssl/err.h>

#define INIT_FLAGS \
    (OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_NO_ATEXIT)

static const char *cstr_or_null(struct str s) { return s.len ? s.ptr : NULL; }

static bool start_without_file(void)
{
    return OPENSSL_init_ssl(INIT_FLAGS | OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1;
}

/* The distribution's file: what is wrong with it is none of our business. */
static bool start_with_default(struct str section)
{
    if (!start_without_file())
        return false;
    (void)CONF_modules_load_file(NULL, cstr_or_null(section),
                                 CONF_MFLAGS_DEFAULT_SECTION | CONF_MFLAGS_IGNORE_MISSING_FILE |
                                     CONF_MFLAGS_IGNORE_ERRORS | CONF_MFLAGS_SILENT);
    ERR_clear_error();
    return true;
}

static bool start_with_file(struct str file, struct str section)
{
    if (file.ptr[0] != '/') {
        log_warning("non-default tls_config_file = " STR_FMT
                    " is not an absolute pathname, disabling TLS support",
                    STR_ARG(file));
        return false;
    }
    if (start_without_file() && CONF_modules_load_file(file.ptr, cstr_or_null(section), 0) > 0)
        return true;
    log_warning("error loading the '%s' settings from the " STR_FMT
                " OpenSSL configuration file, disabling TLS support",
                section.len ? section.ptr : "global", STR_ARG(file));
    errors_log();
    return false;
}

static bool start(struct str file, struct str section)
{
    if (file.len == 0 || str_equal(file, STR("default")))
        return start_with_default(section);
    if (str_equal(file, STR("none")))
        return start_without_file();
    return start_with_file(file, section);
}

bool library_start(const struct tls_params *common)
{
    static bool done, ok;

    if (!done) {
        done = true;
        ok = start(common->tls_config_file, common->tls_config_name);
    }
    return ok;
}
