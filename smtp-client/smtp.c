/* smtp, lmtp - deliver mail to other hosts by SMTP or LMTP.
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf and its tables, queue files
 * Distrusts: every byte from servers and name servers */
#include "base/log.h"
#include "base/number.h"
#include "smtp-client/deliver.h"

#include <netdb.h>

static struct client client;

static int default_port(bool lmtp)
{
    BUF_AUTO(name, 64);
    int64_t number;

    buf_add(&name, smtp_conf.smtp_tcp_port);
    if (number_parse_range(buf_str(&name), 1, 65535, &number))
        return (int)number;
    struct servent *s = getservbyname(buf_cstr(&name), "tcp");
    return s ? ntohs((uint16_t)s->s_port) : lmtp ? 24 : 25;
}

static struct interface_list open_interfaces(struct str names)
{
    BUF_AUTO(why, 512);
    struct interface_list list;

    if (!interfaces_resolve(names, site_conf.inet_protocols, &list, &why))
        log_fatal("config variable inet_interfaces: " STR_FMT, STR_ARG(buf_str(&why)));
    return list;
}

static void open_resolver(struct service *svc)
{
    struct conf *conf = service_conf(svc);

    client.svc = svc;
    client.targets.lmtp = str_equal(conf_value(conf, STR("process_name")), STR("lmtp"));
    if (client.targets.lmtp)
        conf_fill_lmtp(conf, &smtp_param_set, &smtp_conf);
    client.targets.dns = dns_open("/etc/hosts");
    client.targets.own = open_interfaces(site_conf.inet_interfaces);
    client.targets.proxy = open_interfaces(conf_value(conf, STR("proxy_interfaces")));
    client.targets.default_port = default_port(client.targets.lmtp);
    delivery_open(svc, smtp_conf.smtp_delivery_status_filter,
                  client.targets.lmtp ? "lmtp_delivery_status_filter" : "smtp_delivery_status_filter");
    deliver_open(&client);
}

static void serve_qmgr(struct service *svc, int fd)
{
    delivery_serve(svc, fd, smtp_conf.smtp_connection_cache_time_limit, deliver_message, deliver_idle);
}

static const struct service_spec smtp = {
    .name = "smtp",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ &smtp_param_set, &smtp_tls_param_set, NULL },
    .talks_to = (const char *const[]){ "bounce", "defer", "trace", NULL },
    .sandbox = SANDBOX_NETWORK,
    .paths = (const struct sandbox_path[]){ { "active", true }, { NULL, false } },
    .process_limit = -1,
    .before_jail = open_resolver,
    .serve = serve_qmgr,
};

int main(int argc, char **argv) { service_main(&smtp, argc, argv); }
