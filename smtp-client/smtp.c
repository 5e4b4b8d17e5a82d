/* smtp, lmtp - deliver mail to other hosts by SMTP or LMTP.
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf and its tables, queue files
 * Distrusts: every byte from servers and name servers */
#include "base/log.h"
#include "client/dns_filter.h"
#include "client/sts.h"
#include "client/tlsmgr.h"
#include "nexthop/dane.h"
#include "nexthop/destination.h"
#include "nexthop/dial.h"
#include "smtp-client/deliver.h"
#include "smtp-client/requiretls.h"
#include "smtp-client/starttls.h"
#include "smtp-client/tlsrpt.h"

static struct agent agent;
static struct client client;
static struct arena lifelong;

/* Mail for hosts whose port is not written waits when the site's own is none. */
static int default_port(void)
{
    int port = destination_port(smtp_conf.smtp_tcp_port);

    if (port == 0)
        log_warning("unknown service: " STR_FMT "/tcp", STR_ARG(smtp_conf.smtp_tcp_port));
    return port;
}

static struct interface_list open_interfaces(struct str names)
{
    BUF_AUTO(why, 512);
    struct interface_list list;

    if (!interfaces_resolve(names, site_conf.inet_protocols, &list, &why))
        log_fatal("config variable inet_interfaces: " STR_FMT, STR_ARG(buf_str(&why)));
    return list;
}

static enum dns_status ask_securely(void *context, struct str name, enum dns_type type,
                                    struct arena *a, struct dns_record **out)
{
    return dns_query_secure(context, name, type, a, out);
}

static void open_tls(struct service *svc, bool lmtp)
{
    static struct dane dane = { .query = ask_securely };

    dane.context = client.resolver.dns;
    tls_policy_open(lmtp, dane_settle, &dane);
    if (site_conf.relevo_mta_sts)
        tls_policy_use_sts(sts_ask);
    tls_status_open(service_conf(svc), lmtp);
    requiretls_open(lmtp);
    dane.log = starttls_open(svc, lmtp) & TLS_LOG_DANE;
    tlsrpt_open(client.resolver.dns, lmtp);
}

static struct dns *open_resolver(void)
{
    struct dns *dns = dns_open("/etc/hosts");

    dns_set_search(dns, smtp_conf.smtp_dns_resolver_options);
    if (str_equal_nocase(smtp_conf.smtp_dns_support_level, STR("dnssec")))
        dns_set_probe(dns, site_conf.dnssec_probe);
    dns_filter_open(dns, smtp_conf.smtp_dns_reply_filter, "smtp_dns_reply_filter");
    return dns;
}

static void open_client(struct service *svc)
{
    struct conf *conf = service_conf(svc);
    struct resolver *r = &client.resolver;

    client.svc = svc;
    r->lmtp = str_equal(conf_value(conf, STR("process_name")), STR("lmtp"));
    if (r->lmtp) {
        conf_fill_lmtp(conf, &smtp_param_set, &smtp_conf);
        conf_fill_lmtp(conf, &smtp_tls_param_set, &smtp_tls_conf);
        conf_fill(conf, &lmtp_param_set, &lmtp_conf);
        client.arguments.final = lmtp_conf.lmtp_assume_final;
        if (lmtp_conf.lmtp_assume_final)
            log_warning("lmtp_assume_final is obsolete; instead, specify \"flags=X\" in master.cf");
    }
    client_arguments_parse(&client.arguments, service_argv(svc), service_argc(svc));
    delivery_open(&agent, svc, smtp_conf.smtp_delivery_status_filter,
                  r->lmtp ? "lmtp_delivery_status_filter" : "smtp_delivery_status_filter");
    r->dns = open_resolver();
    r->own = open_interfaces(site_conf.inet_interfaces);
    r->proxy = open_interfaces(conf_value(conf, STR("proxy_interfaces")));
    dial_use_own_address(site_conf.inet_interfaces, &r->own, &lifelong);
    r->default_port = default_port();
    open_tls(svc, r->lmtp);
    deliver_open(&client);
}

static bool has_old_certificates(struct service *svc)
{
    (void)svc;
    return starttls_files_changed().len > 0;
}

static void close_key_files(struct service *svc)
{
    (void)svc;
    tlsmgr_close_key_files();
}

static void serve_qmgr(struct service *svc, int fd)
{
    int keep =
        MIN(smtp_conf.smtp_connection_cache_time_limit, smtp_conf.connection_cache_ttl_limit);

    delivery_serve(&agent, svc, fd, keep, deliver_message, deliver_idle);
}

/* Access tokens, where a password names their file (token.h). */
static const struct sandbox_path token_files[] = {
    { "/etc/tokens", SANDBOX_READ },
    { NULL, SANDBOX_READ },
};

/* Only lmtp knows destinations that are paths. */
#define CLIENT(program, group)                                                                     \
    {                                                                                              \
        .name = program, .kind = SERVICE_SINGLE, .sandbox = group, .process_limit = -1,            \
        .params = (const struct param_set *const[]){ &smtp_param_set, &smtp_tls_param_set,         \
                                                     &tls_param_set, &qmgr_param_set, NULL },      \
        .paths = token_files, .before_fork = open_client, .before_client = deliver_notice_changes, \
        .is_stale = has_old_certificates, .before_jail = close_key_files, .serve = serve_qmgr,     \
        .keeps_groups = (group) == SANDBOX_NAMED,                                                  \
    }

static const struct service_spec smtp = CLIENT("smtp", SANDBOX_NETWORK);
static const struct service_spec lmtp = CLIENT("lmtp", SANDBOX_NAMED);

int main(int argc, char **argv)
{
    bool by_path = argc > 0 && str_ends(str_from(argv[0]), STR("lmtp"));

    service_main(by_path ? &lmtp : &smtp, argc, argv);
}
