#include "nexthop/destination.h"

#include "base/number.h"
#include "text/hostname.h"

#include <netdb.h>

#define SERVICE_NAME_MAX 63

bool destination_next(struct str *nexthop, struct str *text)
{
    return str_token(nexthop, ", \t\r\n", text);
}

int destination_port(struct str service)
{
    char name[SERVICE_NAME_MAX + 1] = "";
    int64_t number;

    if (number_parse_range(service, 1, 65535, &number))
        return (int)number;
    if (service.len == 0 || service.len > SERVICE_NAME_MAX)
        return 0;
    memcpy(name, service.ptr, service.len);
    struct servent *s = getservbyname(name, "tcp");
    if (s)
        return ntohs((uint16_t)s->s_port);
    /* A small system may have no list of services. */
    return str_equal_nocase(service, STR("smtp")) ? SMTP_PORT : 0;
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

/* An address may be tagged, as in mail addresses. */
static bool is_host(struct str text)
{
    if (str_skip_prefix_nocase(&text, STR("ipv6:")))
        return hostname_is_ipv6(text);
    return hostname_is_valid(text, true) || hostname_is_address(text);
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
        d.port = destination_port(d.service);
    if (!is_host(d.host) || d.port == 0)
        return false;
    *out = d;
    return true;
}
