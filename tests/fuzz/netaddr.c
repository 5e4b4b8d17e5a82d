/* An address that is accepted survives being written and read; a network holds its own base. */
#include "text/netaddr.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct netaddr a, b;
    struct netblock n;
    BUF_AUTO(out, 0);
    BUF_AUTO(why, 0);

    if (netaddr_parse(text, &a)) {
        netaddr_format(&out, &a);
        must(netaddr_parse(buf_str(&out), &b) && netaddr_equal(&a, &b));
    }
    if (netblock_parse(text, &n, &why))
        must(n.bits <= 8 * n.base.size && netblock_contains(&n, &n.base) && why.len == 0);
    else
        must(why.len > 0);
    return 0;
}
