#include "base/log.h"
#include "tls/tls.h"

/* Levels that only a client can mean ask for TLS all the same. */
static const struct {
    struct str name;
    enum tls_server_level level;
    bool clients_only;
} levels[] = {
    { STR("none"), TLS_SERVER_NONE, false },       { STR("may"), TLS_SERVER_MAY, false },
    { STR("encrypt"), TLS_SERVER_ENCRYPT, false }, { STR("fingerprint"), TLS_SERVER_ENCRYPT, true },
    { STR("verify"), TLS_SERVER_ENCRYPT, true },   { STR("secure"), TLS_SERVER_ENCRYPT, true },
};

enum tls_server_level tls_server_level_parse(struct str name, bool use, bool enforce)
{
    if (name.len == 0)
        return enforce ? TLS_SERVER_ENCRYPT : use ? TLS_SERVER_MAY : TLS_SERVER_NONE;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (!str_equal_nocase(name, levels[i].name))
            continue;
        if (levels[i].clients_only)
            log_warning("smtpd_tls_security_level: unsupported TLS level \"" STR_FMT
                        "\", using \"encrypt\"",
                        STR_ARG(name));
        return levels[i].level;
    }
    log_fatal("Invalid TLS level \"" STR_FMT "\"", STR_ARG(name));
}
