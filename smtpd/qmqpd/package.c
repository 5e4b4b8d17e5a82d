#include "smtpd/qmqpd/package.h"

#include "base/netstring.h"

bool qmqp_package_parse(struct str content, struct qmqp_package *out)
{
    struct str check, recipient;

    if (!netstring_take(&content, &out->message) || !netstring_take(&content, &out->sender) ||
        content.len == 0)
        return false;
    out->recipients = check = content;
    while (check.len)
        if (!netstring_take(&check, &recipient))
            return false;
    return true;
}

bool qmqp_package_fits(const struct qmqp_package *p, size_t limit)
{
    struct str rest = p->recipients, recipient;
    bool fits = p->sender.len <= limit;

    while (fits && netstring_take(&rest, &recipient))
        fits = recipient.len <= limit;
    return fits;
}
