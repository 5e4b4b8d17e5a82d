/* Names that come out of an answer are host names: they can be logged and compared. */
#include "dns/answer.h"
#include "text/hostname.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dns_record *r)
{
    bool named =
        r->type != DNS_A && r->type != DNS_AAAA && r->type != DNS_TXT && r->type != DNS_TLSA;

    if (named && r->text.len && !hostname_is_valid(r->text, false) && !hostname_is_ipv4(r->text))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum dns_type types[] = { DNS_A,   DNS_AAAA, DNS_MX,  DNS_NS,    DNS_PTR,
                                           DNS_SOA, DNS_SRV,  DNS_TXT, DNS_CNAME, DNS_TLSA };
    ARENA_AUTO(a);

    if (size == 0)
        return 0;
    struct dns_record *found = NULL;
    enum dns_type type = types[data[0] % ARRAY_LEN(types)];
    struct str bytes = { (const char *)data + 1, size - 1 };
    struct str owner = dns_answer_owner(bytes, type, &a);
    if (owner.ptr && strlen(owner.ptr) != owner.len)
        abort();
    if (dns_answer_parse(bytes, STR("q.test"), type, &a, &found) != DNS_OK)
        return 0;
    size_t n = 0;
    for (; found; found = found->next, n++)
        check(found);
    if (n == 0 || n > DNS_RECORDS_MAX)
        abort();
    return 0;
}
