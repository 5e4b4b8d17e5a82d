#include "smtpd/proxy.h"

#include "base/log.h"
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

static bool header_fails(const struct session *s, const char *why)
{
    log_warning("haproxy read from " STR_FMT ": %s", STR_ARG(s->peer.address), why);
    return false;
}

/* The whole header has one deadline. */
static bool read_header(struct session *s, struct buf *in, size_t *consumed, struct haproxy *header)
{
    struct pace pace;

    pace_init(&pace, smtpd_conf.smtpd_upstream_proxy_timeout, true, 1);
    for (;;) {
        enum haproxy_result result = haproxy_parse(buf_str(in), consumed, header);
        if (result == HAPROXY_OK)
            return true;
        if (result != HAPROXY_MORE)
            return header_fails(s, "this is no proxy header that we understand");
        enum io_result heard = wire_read(s, &pace, in, READ_SIZE);
        if (heard != IO_OK)
            return header_fails(s, heard == IO_EOF       ? "end of input"
                                   : heard == IO_TIMEOUT ? "timed out"
                                                         : strerror(errno));
    }
}

static void take_address(struct session *s, const struct netaddr *from, unsigned port,
                         struct net_addr *addr, struct str *text, struct str *port_text)
{
    BUF_AUTO(line, NETADDR_TEXT_MAX);
    BUF_AUTO(digits, 16);
    struct netaddr plain = *from;

    netaddr_unmap(&plain);
    netaddr_format(&line, &plain);
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
