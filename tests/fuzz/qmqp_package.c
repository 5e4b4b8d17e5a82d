/* A QMQP request from a client.  What is taken is made of the bytes that came, and writing it as netstrings again
 * gives a request with the same parts. */
#include "base/netstring.h"
#include "smtpd/qmqpd/package.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qmqp_package p, again;
    struct str one, other;
    BUF_AUTO(out, 0);

    if (!qmqp_package_parse((struct str){ (const char *)data, size }, &p))
        return 0;
    netstring_put(&out, p.message);
    netstring_put(&out, p.sender);
    for (struct str rest = p.recipients; rest.len; netstring_put(&out, one))
        if (!netstring_take(&rest, &one))
            abort();
    if (out.len > size || !qmqp_package_parse(buf_str(&out), &again) ||
        !str_equal(p.message, again.message) || !str_equal(p.sender, again.sender))
        abort();
    while (p.recipients.len)
        if (!netstring_take(&p.recipients, &one) || !netstring_take(&again.recipients, &other) ||
            !str_equal(one, other))
            abort();
    if (again.recipients.len)
        abort();
    return 0;
}
