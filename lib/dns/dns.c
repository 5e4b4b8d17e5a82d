/* Asking: one query at a time, over the channel of the process. */
#include "dns/dns.h"

#include "base/log.h"
#include "base/mem.h"
#include "conf/idna.h"
#include "conf/params.h"
#include "dns/answer.h"
#include "dns/hosts.h"
#include "dns/private.h"
#include "dns/resolv.h"
#include "os/clone.h"
#include "os/fd.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define NAME_MAX_BYTES  253
#define LABEL_MAX_BYTES 63
#define LONGEST_WAIT_MS 5000

static void open_channel(struct dns *d)
{
    struct resolv_patience patience = resolv_read(RESOLV_CONF);
    struct ares_options options = { .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
                                    .timeout = patience.timeout_s * 1000,
                                    .tries = patience.attempts };
    int given = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;

    if (ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS &&
        ares_init_options(&d->channel, &options, given) == ARES_SUCCESS) {
        dns_use_own_sockets(d->channel);
        d->ready = true;
    } else {
        log_warning("name resolver cannot be set up; all lookups will be tried again later");
    }
}

/* Two processes whose questions have the same numbers can be told apart by none of those who would answer for a server. */
static void renew_channel(void *context)
{
    struct dns *d = context;

    if (d->ready)
        ares_destroy(d->channel);
    d->ready = false;
    open_channel(d);
}

struct dns *dns_open(const char *hosts_path)
{
    struct dns *d = mem_alloc(sizeof *d);

    *d = (struct dns){ 0 };
    open_channel(d);
    clone_renews(renew_channel, d);
    d->hosts = hosts_read(hosts_path);
    return d;
}

void dns_set_search(struct dns *d, struct str options)
{
    struct str word;
    int mask;

    while (str_token(&options, ", \t\r\n", &word)) {
        if (str_equal_nocase(word, STR("res_defnames")))
            d->complete = true;
        else if (str_equal_nocase(word, STR("res_dnsrch")))
            d->search = true;
        else
            log_warning("unknown resolver option: " STR_FMT, STR_ARG(word));
    }
    if ((d->complete || d->search) && d->ready && d->domains == NULL &&
        ares_save_options(d->channel, &d->saved, &mask) == ARES_SUCCESS &&
        (mask & ARES_OPT_DOMAINS)) {
        d->domains = d->saved.domains;
        d->domain_count = d->saved.ndomains;
    }
}

void dns_set_filter(struct dns *d, dns_filter_fn *filter, void *context)
{
    d->filter = filter;
    d->filter_context = context;
}

/* ---- one query on the wire ---- */

struct answer {
    bool done;
    int status;
    struct arena *arena;
    struct str bytes;
};

static void on_answer(void *context, int status, int timeouts, unsigned char *bytes, int len)
{
    struct answer *answer = context;

    (void)timeouts;
    answer->done = true;
    answer->status = status;
    if (bytes && len > 0)
        answer->bytes = arena_str(answer->arena, (struct str){ (const char *)bytes, (size_t)len });
}

static nfds_t watched_sockets(struct dns *d, struct pollfd polls[ARES_GETSOCK_MAXNUM])
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    unsigned mask = (unsigned)ares_getsock(d->channel, sockets, ARES_GETSOCK_MAXNUM);
    nfds_t count = 0;

    /* ARES_GETSOCK_WRITABLE() would shift into the sign. */
    for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        bool readable = mask >> i & 1, writable = mask >> (i + ARES_GETSOCK_MAXNUM) & 1;
        short events = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
        if (events)
            polls[count++] = (struct pollfd){ .fd = sockets[i], .events = events };
    }
    return count;
}

static int wait_ms(struct dns *d, struct deadline until)
{
    struct timeval most = { .tv_sec = LONGEST_WAIT_MS / 1000 }, left;
    struct timeval *next = ares_timeout(d->channel, &most, &left);
    int64_t ms = (int64_t)next->tv_sec * 1000 + next->tv_usec / 1000 + 1;

    return (int)MIN(ms, (int64_t)deadline_left_ms(until));
}

/* Run the resolver's own sockets until the answer is there, or our time is over: c-ares bounds each
 * try, but not what servers make of them all. */
static void run(struct dns *d, const struct answer *answer)
{
    struct deadline until = deadline_in(DNS_QUERY_LIMIT_S);

    while (!answer->done) {
        struct pollfd polls[ARES_GETSOCK_MAXNUM];
        nfds_t count = watched_sockets(d, polls);
        if (deadline_passed(until)) {
            ares_cancel(d->channel); /* answers with a failure */
            break;
        }
        bool any = false;
        int n = poll(polls, count, wait_ms(d, until));
        for (nfds_t i = 0; n > 0 && i < count; i++) {
            short got = polls[i].revents;
            if (got == 0)
                continue;
            any = true;
            ares_process_fd(d->channel,
                            got & (POLLIN | POLLERR | POLLHUP) ? polls[i].fd : ARES_SOCKET_BAD,
                            got & POLLOUT ? polls[i].fd : ARES_SOCKET_BAD);
        }
        if (!any)
            ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }
}

/* ---- names ---- */

/* Labels of 1 to 63 printable bytes; 253 bytes in all.  A backslash would be an escape to c-ares. */
static bool name_is_possible(struct str name)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '\\')
            return false;
    }
    while (name.len) {
        struct str label = str_cut(&name, '.');
        if (label.len == 0 || label.len > LABEL_MAX_BYTES)
            return false;
    }
    return true;
}

static bool has_8bit(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] >= 0x80)
            return true;
    return false;
}

struct str dns_ascii_name(struct str name, struct arena *a)
{
    BUF_AUTO(ascii, NAME_MAX_BYTES + 1);

    if (str_ends(name, STR(".")) && name.len > 1)
        name.len--;
    if (!has_8bit(name))
        return name_is_possible(name) ? name : STR_NONE;
    if (!idna_to_ascii(name, site_conf.enable_idna2003_compatibility, &ascii) || ascii.full ||
        !name_is_possible(buf_str(&ascii)))
        return STR_NONE;
    return arena_str(a, buf_str(&ascii));
}

/* ---- queries ---- */

/* Drop what the reply filter does not want. */
static enum dns_status filter(struct dns *d, struct str name, struct dns_record **list)
{
    struct dns_record **at = list;

    while (d->filter && *at) {
        BUF_AUTO(text, 0);
        dns_record_format(*at, name, &text);
        enum dns_status verdict = d->filter(d->filter_context, buf_str(&text));
        if (verdict == DNS_OK) {
            at = &(*at)->next;
            continue;
        }
        if (verdict != DNS_FILTERED)
            return verdict;
        log_info("ignoring DNS RR: " STR_FMT, STR_ARG(buf_str(&text)));
        *at = (*at)->next;
    }
    return *list ? DNS_OK : DNS_FILTERED;
}

static enum dns_status take_answer(struct dns *d, struct str bytes, struct str name,
                                   enum dns_type type, struct arena *a, struct dns_record **out)
{
    struct dns_record *found = NULL;
    enum dns_status status = dns_answer_parse(bytes, name, type, a, &found);

    if (status == DNS_OK)
        status = filter(d, name, &found);
    if (status == DNS_OK)
        *out = found;
    return status;
}

static enum dns_status ask(struct dns *d, struct str name, enum dns_type type, struct arena *a,
                           struct dns_record **out)
{
    struct answer answer = { .arena = a };

    if (!d->ready)
        return DNS_RETRY;
    ares_query(d->channel, arena_cstr(a, name), ns_c_in, (int)type, on_answer, &answer);
    run(d, &answer);
    if (answer.bytes.len && !dns_answer_is_one(answer.bytes))
        return DNS_RETRY;
    if (answer.status != ARES_SUCCESS)
        return dns_answer_status(answer.status);
    return take_answer(d, answer.bytes, name, type, a, out);
}

int dns_exchange_secure(struct dns *d, struct str name, enum dns_type type, struct arena *a,
                        struct str *bytes)
{
    struct answer answer = { .arena = a };
    int len;
    unsigned char *packet = d->ready ? dns_secure_packet(arena_cstr(a, name), type, &len) : NULL;

    if (packet == NULL)
        return ARES_ENOMEM;
    ares_send(d->channel, packet, len, on_answer, &answer);
    ares_free_string(packet);
    run(d, &answer);
    if (answer.status == ARES_SUCCESS && !dns_answer_is_one(answer.bytes))
        return ARES_EBADRESP;
    *bytes = answer.bytes;
    return answer.status;
}

static enum dns_status ask_secure(struct dns *d, struct str name, enum dns_type type,
                                  struct arena *a, struct dns_record **out)
{
    struct str bytes;
    int sent = dns_exchange_secure(d, name, type, a, &bytes);

    if (sent != ARES_SUCCESS)
        return dns_answer_status(sent);
    dns_judge_resolver(d, bytes);
    enum dns_status status = dns_secure_status(bytes);
    if (status == DNS_MALFORMED) /* an old server, to which EDNS is a malformed question */
        return ask(d, name, type, a, out);
    if (status == DNS_OK)
        status = take_answer(d, bytes, name, type, a, out);
    if (status != DNS_OK)
        return status;
    struct str owner = dns_answer_owner(bytes, type, a);
    for (struct dns_record *r = *out; r; r = r->next) {
        r->secure = dns_is_vouched_for(bytes);
        r->owner = owner;
    }
    return status;
}

/* How many domains of the search list may complete this name. */
static int completions(const struct dns *d, struct str name)
{
    if (d->search)
        return d->domain_count;
    return d->complete && !str_has(name, '.') ? MIN(d->domain_count, 1) : 0;
}

typedef enum dns_status ask_fn(struct dns *d, struct str name, enum dns_type type, struct arena *a,
                               struct dns_record **out);

static enum dns_status query(struct dns *d, struct str name, enum dns_type type, ask_fn *ask_one,
                             struct arena *a, struct dns_record **out)
{
    struct str plain = dns_ascii_name(name, a);
    bool dotted = str_has(plain, '.');
    enum dns_status status = DNS_NOT_FOUND;

    if (plain.len == 0)
        return DNS_NOT_FOUND;
    if (dotted)
        status = ask_one(d, plain, type, a, out);
    for (int i = 0; status == DNS_NOT_FOUND && i < completions(d, plain); i++) {
        BUF_AUTO(longer, 0);
        buf_join(&longer, plain, STR("."), str_from(d->domains[i]));
        if (name_is_possible(buf_str(&longer)))
            status = ask_one(d, buf_str(&longer), type, a, out);
    }
    if (!dotted && status == DNS_NOT_FOUND)
        status = ask_one(d, plain, type, a, out);
    return status;
}

enum dns_status dns_query(struct dns *d, struct str name, enum dns_type type, struct arena *a,
                          struct dns_record **out)
{
    return query(d, name, type, ask, a, out);
}

enum dns_status dns_query_secure(struct dns *d, struct str name, enum dns_type type,
                                 struct arena *a, struct dns_record **out)
{
    return query(d, name, type, ask_secure, a, out);
}

const char *dns_status_text(enum dns_status status)
{
    switch (status) {
    case DNS_OK:
        return "Success";
    case DNS_NOT_FOUND:
        return "Host not found";
    case DNS_NO_DATA:
        return "Host found but no data record of requested type";
    case DNS_RETRY:
        return "Host not found, try again";
    case DNS_FAIL:
        return "Non-recoverable error";
    case DNS_MALFORMED:
        return "Malformed or unexpected name server reply";
    case DNS_FILTERED:
        return "DNS reply filter drops all results";
    case DNS_FILTER_BAD:
        return "Invalid DNS reply filter syntax";
    }
    return "Unknown name service error";
}

const char *dns_address_text(enum dns_status status)
{
    switch (status) {
    case DNS_RETRY:
        return "Temporary failure in name resolution";
    case DNS_NO_DATA:
        return "No address associated with hostname";
    default:
        return "Name or service not known";
    }
}
