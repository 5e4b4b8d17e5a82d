#include "postscreen/proxy.h"

#include "base/log.h"
#include "conf/params.h"
#include "os/interfaces.h"

#include <errno.h>
#include <sys/socket.h>

bool proxy_is_in_front(void)
{
    struct str name = postscreen_conf.postscreen_upstream_proxy_protocol;

    if (name.len && !str_equal_nocase(name, STR("haproxy")))
        log_fatal("unsupported postscreen_upstream_proxy_protocol value: " STR_FMT, STR_ARG(name));
    return name.len > 0;
}

static enum proxy_result no_use(const char *why)
{
    log_warning("haproxy read: %s", why);
    return PROXY_NO_USE;
}

/* The client's own bytes stay where they are: they tell whether it waits for its greeting. */
static enum proxy_result judge(int fd, struct str in, bool last, struct haproxy *header)
{
    const struct haproxy_families families = {
        protocols_include(site_conf.inet_protocols, AF_INET),
        protocols_include(site_conf.inet_protocols, AF_INET6),
    };
    char taken[HAPROXY_MAX];
    BUF_AUTO(fault, 0);
    size_t length;
    const char *why;

    switch (haproxy_parse(in, &families, &length, header, &why)) {
    case HAPROXY_OK:
        return recv(fd, taken, length, MSG_DONTWAIT) == (ssize_t)length ? PROXY_HEARD
                                                                        : no_use(strerror(errno));
    case HAPROXY_MORE:
        if (!last)
            return PROXY_PARTLY;
        break;
    case HAPROXY_BAD:
        break;
    }
    haproxy_format_fault(why, in, &fault);
    return no_use(buf_cstr(&fault));
}

enum proxy_result proxy_look(int fd, bool last, struct haproxy *header)
{
    char bytes[HAPROXY_MAX];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);

    if (n > 0)
        return judge(fd, (struct str){ bytes, (size_t)n }, last, header);
    if (n == 0)
        return no_use("EOF");
    if (errno != EAGAIN && errno != EINTR)
        return no_use(strerror(errno));
    return last ? no_use("time limit exceeded") : PROXY_SILENT;
}
