/* Whatever stands in a reply, its value quoted again as a key comes back the same. */
#include "table/tcp_wire.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str line = { (const char *)data, size };
    BUF_AUTO(value, 0);
    BUF_AUTO(request, 0);
    BUF_AUTO(reply, 0);
    BUF_AUTO(again, 0);

    if (tcp_wire_read_reply(line, &value) != TCP_REPLY_FOUND)
        return value.len == 0 ? 0 : (abort(), 0);
    tcp_wire_put_request(&request, buf_str(&value));
    struct str quoted = str_sub(buf_str(&request), 4, request.len - 1);
    buf_join(&reply, STR("200 "), quoted);
    if (tcp_wire_read_reply(buf_str(&reply), &again) != TCP_REPLY_FOUND ||
        !str_equal(buf_str(&again), buf_str(&value)))
        abort();
    return 0;
}
