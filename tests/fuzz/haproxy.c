/* A proxy header from anybody: what is taken lies within the input, and a shorter input never says otherwise. */
#include "smtp/haproxy.h"

#include "base/attr.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct haproxy_families both = { true, true };
    const char *why = NULL;
    struct str in = { (const char *)data, size };
    struct haproxy h, again;
    size_t consumed = 0, consumed_again = 0;
    enum haproxy_result result = haproxy_parse(in, &both, &consumed, &h, &why);

    if (result == HAPROXY_MORE && size >= HAPROXY_MAX)
        abort();
    if (result != HAPROXY_OK && why == NULL)
        abort();
    if (result != HAPROXY_OK)
        return 0;
    if (consumed == 0 || consumed > size || consumed > HAPROXY_MAX)
        abort();
    if (h.proxied &&
        (h.client.size != h.server.size || (h.client.size != 4 && h.client.size != 16)))
        abort();
    if (haproxy_parse(str_sub(in, 0, consumed), &both, &consumed_again, &again, &why) !=
            HAPROXY_OK ||
        consumed_again != consumed)
        abort();
    if (haproxy_parse(str_sub(in, 0, consumed - 1), &both, &consumed_again, &again, &why) !=
        HAPROXY_MORE)
        abort();
    return 0;
}
