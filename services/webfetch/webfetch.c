/* webfetch - ask a web server by HTTPS, for daemons that speak no HTTP.
 *
 * A process serves one request and ends: what a stranger's answer has done to it does nothing to the next request.
 * master(8) starts this service without an entry in master.cf.
 *
 * Runs as:   mail_owner
 * Trusts:    main.cf, and whoever asks: tokenmgr(8) and stsmgr(8)
 * Distrusts: web servers and name servers */
#include "base/log.h"
#include "conf/params.h"
#include "dns/dns.h"
#include "ipc/channel.h"
#include "ipc/messages/fetch.h"
#include "os/fd.h"
#include "service/service.h"
#include "services/webfetch/http.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define CLIENT_TIMEOUT_S 60
#define WAIT_MAX_S       120
#define AUTHORITIES_MAX  (4UL * 1024 * 1024)
#define ADDRESSES_MAX    8

static struct {
    struct dns *dns;
    struct buf authorities;
} fetch;

/* ---- the request ---- */

static void add_addresses(const struct dns_record *found, struct buf *list)
{
    for (int n = 0; found && n < ADDRESSES_MAX; found = found->next) {
        BUF_AUTO(text, 64);
        if (!net_addr_format(&found->addr, &text))
            continue;
        bool brackets = found->addr.ss.ss_family == AF_INET6;
        buf_join(list, n++ ? STR(",") : STR(""), brackets ? STR("[") : STR(""), buf_str(&text),
                 brackets ? STR("]") : STR(""));
    }
}

/* False: `why`. */
static bool find_addresses(struct str url, struct buf *list, struct buf *why)
{
    struct dns_record *found = NULL;
    ARENA_AUTO(arena);
    BUF_AUTO(host, 0);
    int port;

    if (!http_host(url, &host, &port)) {
        buf_add(why, STR("this is not the address of a page of HTTPS"));
        return false;
    }
    enum dns_status status = dns_addresses(fetch.dns, buf_str(&host), site_conf.inet_protocols,
                                           DNS_HOSTS, &arena, &found);
    if (status == DNS_OK)
        add_addresses(found, list);
    else
        buf_join(why, buf_str(&host), STR(": "), str_from(dns_address_text(status)));
    return status == DNS_OK;
}

static void ask(const struct fetch_request *r, struct http_answer *answer)
{
    BUF_AUTO(addresses, 1024);
    struct http_request request = {
        .url = r->url, .form = r->form, .wait_s = r->wait_s, .content_max = FETCH_CONTENT_MAX
    };

    if (!find_addresses(r->url, &addresses, &answer->why))
        return;
    request.addresses = buf_str(&addresses);
    http_ask(&request, answer);
}

static bool send_answer(struct channel *c, const struct http_answer *a)
{
    struct fetch_answer answer = { .status = a->status,
                                   .untrusted = a->untrusted,
                                   .type = buf_str(&a->type),
                                   .content = buf_str(&a->content),
                                   .why = buf_str(&a->why) };

    fetch_answer_encode(channel_begin(c, FETCH_ANSWER), &answer);
    return channel_end(c) && channel_flush(c);
}

static void serve_client(struct service *svc, int fd)
{
    struct channel channel = CHANNEL_NONE;
    struct http_answer answer = { .why = BUF_INIT(1024) };
    struct fetch_request request;
    struct str body;
    char kind;

    channel_init(&channel, fd, CLIENT_TIMEOUT_S);
    if (channel_receive(&channel, &kind, &body) == IO_OK && kind == FETCH_REQUEST &&
        fetch_request_decode(&body, &request) && request.wait_s > 0 &&
        request.wait_s <= WAIT_MAX_S) {
        ask(&request, &answer);
        if (!send_answer(&channel, &answer))
            log_debug("whoever asked has gone");
    }
    http_answer_free(&answer);
    channel_release(&channel); /* the skeleton closes it */
    service_replace(svc);
}

/* ---- the process ---- */

static void open_library(struct service *svc)
{
    struct str file = conf_value(service_conf(svc), STR("relevo_https_CAfile"));

    fetch.dns = dns_open("/etc/hosts");
    fetch.authorities = BUF_INIT(AUTHORITIES_MAX);
    if (file.len && !fd_read_file(AT_FDCWD, file.ptr, &fetch.authorities))
        log_warning("relevo_https_CAfile = " STR_FMT ": %s: no web server is trusted",
                    STR_ARG(file), strerror(errno));
    if (!http_open(buf_str(&fetch.authorities)))
        log_fatal("libcurl does not start");
}

static const struct service_spec spec = {
    .name = "webfetch",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ NULL },
    .sandbox = SANDBOX_NETWORK,
    .process_limit = -1,
    .before_jail = open_library,
    .serve = serve_client,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
