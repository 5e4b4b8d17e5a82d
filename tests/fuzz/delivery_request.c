/* What somebody who speaks to an agent's socket may send: a request that is understood has a recipient, and says the
 * same when it is encoded and decoded again. */
#include "delivery/serve.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(const struct delivery *d, struct buf *out)
{
    delivery_request_encode(out, &d->request);
    for (size_t i = 0; i < d->count; i++)
        delivery_recipient_encode(out, &d->recipients[i].info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct delivery d = { .file_fd = -1 }, again = { .file_fd = -1 };
    BUF_AUTO(out, 0);
    BUF_AUTO(same, 0);

    if (delivery_decode(&d, (struct str){ (const char *)data, size })) {
        encode(&d, &out);
        if (d.count == 0 || !delivery_decode(&again, buf_str(&out)) || again.count != d.count)
            abort();
        encode(&again, &same);
        if (!str_equal(buf_str(&out), buf_str(&same)))
            abort();
    }
    arena_free(&d.arena);
    arena_free(&again.arena);
    return 0;
}
