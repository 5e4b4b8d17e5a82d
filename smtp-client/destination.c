#include "smtp-client/destination.h"

#include "base/number.h"

#include <netdb.h>

#define SERVICE_NAME_MAX 63

bool destination_next(struct str *nexthop, struct str *text)
{
    return str_token(nexthop, ", \t\r\n", text);
}

/* -1: unknown. */
static int service_port(struct str text)
{
    char name[SERVICE_NAME_MAX + 1] = "";
    int64_t number;

    if (number_parse_range(text, 1, 65535, &number))
        return (int)number;
    if (text.len == 0 || text.len > SERVICE_NAME_MAX)
        return -1;
    memcpy(name, text.ptr, text.len);
    struct servent *s = getservbyname(name, "tcp");
    return s ? ntohs((uint16_t)s->s_port) : -1;
}

/* [host], [host]:port; an empty port is the default one. */
static bool split_bracketed(struct str text, struct destination *d)
{
    size_t close = str_find(text, ']');

    if (close == STR_NOT_FOUND)
        return false;
    d->direct = true;
    d->host = str_sub(text, 1, close);
    struct str rest = str_skip(text, close + 1);
    if (rest.len == 0)
        return true;
    d->service = rest;
    return str_skip_prefix(&d->service, STR(":"));
}

/* host, host:port */
static void split_plain(struct str text, struct destination *d)
{
    size_t colon = str_rfind(text, ':');

    d->host = str_sub(text, 0, colon);
    if (colon != STR_NOT_FOUND)
        d->service = str_skip(text, colon + 1);
}

bool destination_parse(struct str text, bool lmtp, int default_port, struct destination *out)
{
    struct destination d = { .port = default_port };

    if (lmtp && str_skip_prefix(&text, STR("unix:"))) {
        d.path = text;
        if (text.len)
            *out = d;
        return text.len > 0;
    }
    d.direct = str_skip_prefix(&text, STR("inet:"));
    if (!str_starts(text, STR("[")))
        split_plain(text, &d);
    else if (!split_bracketed(text, &d))
        return false;
    if (d.service.len)
        d.port = service_port(d.service);
    if (d.host.len == 0 || d.port <= 0)
        return false;
    *out = d;
    return true;
}
