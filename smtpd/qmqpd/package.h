#pragma once
/* qmqpd/package - the QMQP request: one netstring that holds the message, the sender and the recipients, each a
 * netstring (http://cr.yp.to/proto/qmqp.html).  Pure. */
#include "base/str.h"

struct qmqp_package {
    struct str message, sender;
    struct str recipients; /* netstrings, one after the other: base/netstring */
};
/* `content` is what the outer netstring holds.  False: malformed, or without a recipient. */
NODISCARD bool qmqp_package_parse(struct str content, struct qmqp_package *out);
/* Are the sender and all recipients within `limit` bytes? */
NODISCARD bool qmqp_package_fits(const struct qmqp_package *p, size_t limit);
