#include "smtpd/proxy.h"

#include "base/log.h"
#include "os/interfaces.h"
#include "smtp/haproxy.h"
#include "smtpd/wire.h"

#include <errno.h>
#include <netinet/in.h>

#define READ_SIZE 512

void proxy_check_parameter(void)
{
    struct str name = smtpd_conf.smtpd_upstream_proxy_protocol;

    if (name.len && !str_equal_nocase(name, STR("haproxy")))
        log_fatal("unsupported smtpd_upstream_proxy_protocol value: " STR_FMT, STR_ARG(name));
}

static bool header_fails(struct str why)
{
    log_warning("haproxy read: " STR_FMT, STR_ARG(why));
    return false;
}

static bool header_is_bad(const char *why, struct str in)
{
    BUF_AUTO(fault, 0);

    haproxy_format_fault(why, in, &fault);
    return header_fails(buf_str(&fault));
}

/* The whole header has one deadline. */
static bool read_header(struct session *s, struct buf *in, size_t *consumed, struct haproxy *header)
{
    const struct haproxy_families families = {
        protocols_include(site_conf.inet_protocols, AF_INET),
        protocols_include(site_conf.inet_protocols, AF_INET6),
    };
    enum io_result heard = IO_OK;
    const char *why;
    struct pace pace;

    pace_init(&pace, smtpd_conf.smtpd_upstream_proxy_timeout, true, 1);
    for (;;) {
        enum haproxy_result result = haproxy_parse(buf_str(in), &families, consumed, header, &why);
        if (result == HAPROXY_OK)
            return true;
        if (result == HAPROXY_BAD || (heard != IO_OK && in->len))
            return header_is_bad(why, buf_str(in));
        if (heard != IO_OK)
            return header_fails(heard == IO_EOF       ? STR("EOF")
                                : heard == IO_TIMEOUT ? STR("timeout error")
                                                      : str_from(strerror(errno)));
        heard = wire_read(s, &pace, in, READ_SIZE);
    }
}

static void take_address(struct session *s, const struct netaddr *from, unsigned port,
                         struct net_addr *addr, struct str *text, struct str *port_text)
{
    BUF_AUTO(line, NETADDR_TEXT_MAX);
    BUF_AUTO(digits, 16);

    netaddr_format(&line, from);
    buf_add_int(&digits, port);
    *text = arena_str(&s->arena, buf_str(&line));
    *port_text = arena_str(&s->arena, buf_str(&digits));
    if (!net_addr_parse(*text, (int)port, addr))
        addr->ss.ss_family = AF_UNSPEC;
}

bool proxy_identify(struct session *s, struct str *early)
{
    BUF_AUTO(in, HAPROXY_MAX + READ_SIZE);
    struct peer *p = &s->peer;
    struct haproxy header;
    size_t consumed = 0;

    if (smtpd_conf.smtpd_upstream_proxy_protocol.len == 0)
        return true;
    if (service_passed(s->setup->svc).len) {
        log_warning("ignoring non-empty smtpd_upstream_proxy_protocol setting behind postscreen");
        return true;
    }
    if (!read_header(s, &in, &consumed, &header))
        return false;
    *early = arena_str(&s->arena, str_skip(buf_str(&in), consumed));
    if (!header.proxied)
        return true;
    take_address(s, &header.client, header.client_port, &p->addr, &p->address, &p->port);
    take_address(s, &header.server, header.server_port, &p->server_addr, &p->server_address,
                 &p->server_port);
    p->is_inet = true;
    return true;
}
