/* Questions that want to know of signatures, and what resolvers make of them. */
#include "base/log.h"
#include "dns/answer.h"
#include "dns/private.h"

#include <arpa/nameser.h>
#include <sys/random.h>

#define EDNS_ROOM 4096 /* longest answer by UDP; c-ares reads no longer ones */

/* Bytes and bits of the header (RFC 1035, RFC 4035), and of the OPT record at the end of a question (RFC 6891). */
enum { AT_BITS = 3, AD = 0x20, RCODE = 0x0f, DO_FROM_END = 4, DO = 0x80 };

/* c-ares numbers only what ares_query() makes; who can guess the number can forge the answer. */
static unsigned short random_id(void)
{
    unsigned short id = 0;

    if (getrandom(&id, sizeof id, 0) != sizeof id)
        log_fatal("no random bytes from the kernel");
    return id;
}

unsigned char *dns_secure_packet(const char *name, enum dns_type type, int *len)
{
    unsigned char *packet = NULL;

    if (ares_create_query(name, ns_c_in, (int)type, random_id(), 1, &packet, len, EDNS_ROOM) !=
        ARES_SUCCESS)
        return NULL;
    packet[AT_BITS] |= AD;
    packet[*len - DO_FROM_END] |= DO;
    return packet;
}

enum dns_status dns_secure_status(struct str bytes)
{
    static const enum dns_status meaning[RCODE + 1] = {
        [ns_r_noerror] = DNS_OK,     [ns_r_formerr] = DNS_MALFORMED,
        [ns_r_servfail] = DNS_RETRY, [ns_r_nxdomain] = DNS_NOT_FOUND,
        [ns_r_notimpl] = DNS_FAIL,   [ns_r_refused] = DNS_RETRY,
    };

    return meaning[bytes.ptr[AT_BITS] & RCODE]; /* dns_answer_is_one() knows no others */
}

bool dns_is_vouched_for(struct str bytes) { return bytes.ptr[AT_BITS] & AD; }

/* ---- does the resolver validate at all? ---- */

static void warn_of_resolver(const struct dns_probe *p, const char *received, const char *why)
{
    log_warning("DNSSEC validation may be unavailable");
    log_warning("reason: dnssec_probe '" STR_FMT "' received %s%s", STR_ARG(p->text), received,
                why);
}

static void run_probe(struct dns *d, struct dns_probe p)
{
    ARENA_AUTO(a);
    struct str bytes;
    int sent = dns_exchange_secure(d, p.name, p.type, &a, &bytes);

    if (sent != ARES_SUCCESS)
        warn_of_resolver(&p, "no response: ", dns_status_text(dns_answer_status(sent)));
    else if (!dns_is_vouched_for(bytes))
        warn_of_resolver(&p, "a response that is not DNSSEC validated", "");
}

void dns_judge_resolver(struct dns *d, struct str bytes)
{
    struct dns_probe p = d->probe;

    if (p.text.len == 0)
        return;
    d->probe.text = STR_NONE; /* once is enough, however it ends */
    if (!dns_is_vouched_for(bytes))
        run_probe(d, p);
}

void dns_set_probe(struct dns *d, struct str probe)
{
    struct str name = probe, type = str_cut(&name, ':');

    if (probe.len == 0)
        return;
    d->probe = (struct dns_probe){ .text = probe, .type = dns_type_find(type), .name = name };
    if (name.len == 0 || d->probe.type == 0)
        log_fatal("malformed dnssec_probe value: " STR_FMT " format is qtype:qname",
                  STR_ARG(probe));
}
