#include "nexthop/tls_level.h"

static const struct {
    struct str name;
    bool configurable;
} levels[] = {
    [TLS_NONE] = { STR("none"), true },           [TLS_MAY] = { STR("may"), true },
    [TLS_ENCRYPT] = { STR("encrypt"), true },     [TLS_FINGERPRINT] = { STR("fingerprint"), true },
    [TLS_HALF_DANE] = { STR("halfdane"), false }, [TLS_DANE] = { STR("dane"), true },
    [TLS_DANE_ONLY] = { STR("dane-only"), true }, [TLS_VERIFY] = { STR("verify"), true },
    [TLS_SECURE] = { STR("secure"), true },       [TLS_UNKNOWN] = { STR("unknown"), false },
};

enum tls_level tls_level_parse(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (levels[i].configurable && str_equal_nocase(name, levels[i].name))
            return (enum tls_level)i;
    return TLS_UNKNOWN;
}

struct str tls_level_name(enum tls_level level) { return levels[level].name; }
