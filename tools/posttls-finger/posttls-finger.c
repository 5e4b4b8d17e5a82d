/* posttls-finger - look at the TLS of a server.
 *
 * Runs as:   whoever calls it
 * Trusts:    main.cf and its command line
 * Distrusts: every byte from servers and name servers */
#include "base/log.h"
#include "base/map.h"
#include "conf/command.h"
#include "nexthop/dane.h"
#include "nexthop/destination.h"
#include "nexthop/dial.h"
#include "tools/posttls-finger/finger.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define LMTP_PORT 24

static struct finger finger;
static struct dane dane;

/* ---- the process ---- */

/* What is found out is the result of this command, whatever its level: all goes to standard output. */
static void print_line(enum log_level level, struct str text)
{
    (void)level;
    printf("posttls-finger: " STR_FMT "\n", STR_ARG(text));
}

static enum dns_status ask_securely(void *context, struct str name, enum dns_type type,
                                    struct arena *a, struct dns_record **out)
{
    return dns_query_secure(context, name, type, a, out);
}

static void open_resolver(void)
{
    struct resolver *r = &finger.resolver;

    r->dns = dns_open("/etc/hosts");
    r->lmtp = finger.lmtp;
    r->default_port = finger.lmtp ? LMTP_PORT : destination_port(STR("smtp"));
    dns_set_search(r->dns, smtp_conf.smtp_dns_resolver_options);
    if (str_has_word(smtp_conf.smtp_host_lookup, STR("dns")))
        dns_set_probe(r->dns, site_conf.dnssec_probe);
    dane =
        (struct dane){ .query = ask_securely, .context = r->dns, .log = finger.log & TLS_LOG_DANE };
}

/* False, printed: there is nothing to look at TLS with. */
static bool open_engine(void)
{
    struct tls_client_settings settings = { .s = TLS_SETTINGS(smtp, smtp_tls_conf),
                                            .verify_depth =
                                                smtp_tls_conf.smtp_tls_scert_verifydepth };

    settings.s.log = finger.log;
    if (finger.delay_s)
        settings.store = cache_store();
    finger.engine = tls_client_open(&settings);
    return finger.engine != NULL;
}

/* ---- sessions with one server ---- */

struct visit {
    const struct target_server *server;
    struct tls_policy policy;
    struct arena *arena;
    struct map seen; /* names of servers behind this address */
};

static bool visit_once(struct visit *v, struct probe *probe)
{
    struct fault fault = { .text = STR_NONE };
    struct stream stream = STREAM_NONE;
    BUF_AUTO(via, 0);

    if (v->server->path.ptr == NULL)
        buf_addf(&via, " via " STR_FMT ":%d", STR_ARG(v->server->name), v->server->port);
    if (!dial(v->server, &stream, v->arena, &fault)) {
        log_info("Failed to establish session to " STR_FMT STR_FMT ": " STR_FMT,
                 STR_ARG(finger.destination), STR_ARG(buf_str(&via)), STR_ARG(fault.text));
        return false;
    }
    if (!finger.hides_chat && !probe->again)
        log_info("Connected to " STR_FMT, STR_ARG(target_shown(v->server, true, v->arena)));
    probe_run(probe, &stream);
    return true;
}

/* Is what the probe has been to one of those seen before?  From now on it is. */
static bool is_known(struct visit *v, const struct probe *probe)
{
    return map_set(&v->seen, probe->name, v) != NULL;
}

/* Come back until a session is resumed, or a server is met again that did not resume it. */
static void come_back(struct visit *v, struct probe *probe)
{
    unsigned saves = 0;

    (void)is_known(v, probe);
    probe->again = true;
    for (int left = finger.reconnects;; left--) {
        if (cache_saves() == saves) {
            log_info("Server declined session caching. Done reconnecting.");
            return;
        }
        if (left == 0) {
            log_info("Maximum reconnect count reached.");
            return;
        }
        saves = cache_saves();
        log_info("Reconnecting after %d seconds", finger.delay_s);
        (void)sleep((unsigned)finger.delay_s);
        probe->secured = probe->resumed = false;
        if (!visit_once(v, probe))
            return;
        if (is_known(v, probe) || probe->resumed) {
            log_info("Found a previously used server.  Done reconnecting.");
            return;
        }
    }
}

/* False: there was no connection. */
static bool visit(const struct target_server *server, struct str domain, struct arena *a)
{
    struct visit v = { .server = server, .arena = a };
    struct fault fault = { .text = STR_NONE };
    struct tls_question q = { .destination = finger.destination,
                              .domain = domain,
                              .server = server };
    struct probe probe = { .finger = &finger, .server = server, .policy = &v.policy };

    if (!tls_policy_find(&q, a, &v.policy, &fault))
        return false; /* and the log says why */
    bool met = visit_once(&v, &probe);
    if (met && probe.secured && finger.delay_s)
        come_back(&v, &probe);
    map_free(&v.seen, NULL);
    arena_free(&probe.arena);
    return met;
}

/* ---- the destination ---- */

/* What cannot be a destination ends the command. */
NORETURN static void refuse_destination(void)
{
    struct str service = finger.destination;

    (void)str_cut_last(&service, ':');
    if (service.len && !str_has(service, ']') && destination_port(service) == 0)
        log_fatal("unknown service: " STR_FMT "/tcp", STR_ARG(service));
    log_fatal("valid hostname or network address required in server description: " STR_FMT,
              STR_ARG(finger.destination));
}

static bool find_servers(struct target_list *servers, struct str *domain, struct arena *a)
{
    struct destination to = { .host = STR_NONE };
    struct fault fault = { .text = STR_NONE };
    const struct resolver *r = &finger.resolver;

    if (!destination_parse(finger.destination, r->lmtp, r->default_port, &to))
        refuse_destination();
    *domain = to.path.ptr ? site_conf.myhostname : to.host;
    if (resolve_destination(r, finger.destination, a, servers, &fault) == RESOLVE_OK)
        return true;
    log_info("Destination address lookup failed: " STR_FMT, STR_ARG(fault.text));
    return false;
}

static void look_at_destination(void)
{
    ARENA_AUTO(arena);
    struct target_list servers;
    struct str domain;

    if (!find_servers(&servers, &domain, &arena))
        return;
    for (size_t i = 0; i < servers.count; i++)
        if (visit(&servers.servers[i], domain, &arena))
            return;
}

int main(int argc, char **argv)
{
    command_begin("posttls-finger", 1);
    log_set_sink(print_line);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)signal(SIGPIPE, SIG_IGN);
    options_parse(&finger, argc, argv);
    open_resolver();
    tls_policy_open(finger.lmtp, level_settle, &dane);
    if (!tls_policy_may_want_tls() || open_engine())
        look_at_destination();
    return 0;
}
