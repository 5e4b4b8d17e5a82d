/* What a policy server says of a destination: a level that can be kept, and lists that can be split again. */
#include "nexthop/tls_entry.h"

#include "base/log.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void say_nothing(enum log_level level, struct str text)
{
    (void)level;
    (void)text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct tls_entry e;
    ARENA_AUTO(a);

    log_set_sink(say_nothing);
    if (!tls_entry_parse(text, STR("here"), &a, &e))
        return 0;
    must(e.level != TLS_UNKNOWN && e.level != TLS_HALF_DANE);
    must(e.servername.ptr == NULL || tls_servername_is_valid(e.servername));
    must(!str_has(e.match, '\n'));
    must(e.sts.strings.len == 0 || e.sts.strings.ptr[e.sts.strings.len - 1] == '\n');
    return 0;
}
