#pragma once
/* qmqpd/package - the QMQP request: one netstring that holds the message, the sender and the recipients, each a
 * netstring (http://cr.yp.to/proto/qmqp.html).  Pure. */
#include "base/str.h"

/* The `LENGTH:` in front of a netstring. */
enum netstring_head { NETSTRING_OK, NETSTRING_MORE, NETSTRING_BAD };
/* Take the head off `in`; at most `limit` bytes of content are acceptable. */
NODISCARD enum netstring_head netstring_take_head(struct str *in, size_t limit, size_t *length);
/* Take a whole netstring off `in`; false if it is none. */
NODISCARD bool netstring_take(struct str *in, struct str *content);

struct qmqp_package {
    struct str message, sender;
    struct str recipients; /* netstrings, one after the other: netstring_take() */
};
/* `content` is what the outer netstring holds.  False: malformed, or without a recipient. */
NODISCARD bool qmqp_package_parse(struct str content, struct qmqp_package *out);
/* Are the sender and all recipients within `limit` bytes? */
NODISCARD bool qmqp_package_fits(const struct qmqp_package *p, size_t limit);
