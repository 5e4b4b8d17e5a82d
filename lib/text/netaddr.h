#pragma once
/* text/netaddr - IPv4 and IPv6 addresses and networks as people write them. */
#include "base/buf.h"

#include <stdint.h>

struct netaddr {
    unsigned size; /* 4 or 16 bytes */
    uint8_t bytes[16];
};

struct netblock {
    struct netaddr base;
    unsigned bits;
};

#define NETADDR_TEXT_MAX 64

/* Dotted quad or IPv6 text, nothing around it: no brackets, no zone. */
NODISCARD bool netaddr_parse(struct str text, struct netaddr *out);
void netaddr_format(struct buf *out, const struct netaddr *a);
/* For tests. */
bool netaddr_equal(const struct netaddr *a, const struct netaddr *b);
/* ::ffff:1.2.3.4 becomes 1.2.3.4; other addresses stay. */
void netaddr_unmap(struct netaddr *a);

/* `address` or `address/bits`; brackets may be around the address or around everything.  On
 * failure `why` (may be NULL) receives what is wrong, in words for a warning:
 *     non-null host address bits in "10.0.0.1/24", perhaps you should use "10.0.0.0/24" instead
 *     bad mask length in "10.0.0.0/99" */
NODISCARD bool netblock_parse(struct str text, struct netblock *out, struct buf *why);
/* Nobody writes a host's name like this text, so when it is no network somebody has slipped. */
bool netblock_is_meant(struct str text);
/* False for addresses of the other family. */
bool netblock_contains(const struct netblock *n, const struct netaddr *a);
