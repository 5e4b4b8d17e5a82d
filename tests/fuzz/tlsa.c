/* TLSA records: whatever a signed zone holds, a level that promises a match has something to match, and dane-only never ends
 * in less. */
#include "base/log.h"
#include "conf/params.h"
#include "nexthop/dane.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void say_nothing(enum log_level level, struct str text)
{
    (void)level;
    (void)text;
}

/* Records with their lengths in front. */
static enum dns_status answer(void *context, struct str name, enum dns_type type, struct arena *a,
                              struct dns_record **out)
{
    struct str bytes = *(struct str *)context;

    if (type != DNS_TLSA)
        return DNS_NOT_FOUND;
    *out = NULL;
    while (bytes.len) {
        struct str text = str_sub(bytes, 1, (unsigned char)bytes.ptr[0]);
        struct dns_record *r = arena_alloc(a, sizeof *r);
        *r = (struct dns_record){
            .type = type, .ttl = 60, .text = text, .secure = true, .owner = name, .next = *out
        };
        *out = r;
        bytes = str_skip(bytes, MIN(bytes.len, text.len + 1));
    }
    return *out ? DNS_OK : DNS_NOT_FOUND;
}

static void check(const struct tls_policy *p, bool only)
{
    bool promises = p->level == TLS_DANE || p->level == TLS_DANE_ONLY || p->level == TLS_HALF_DANE;

    must(promises == (p->pins != NULL));
    must(!only || p->level == TLS_DANE_ONLY);
    must(!promises || (p->base.len && p->names.len));
    for (const struct tls_pin *pin = p->pins; pin; pin = pin->next)
        must((pin->usage == 2 || pin->usage == 3) && pin->matching != 255 && pin->data.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str records = { (const char *)data + 1, size ? size - 1 : 0 };
    struct dane dane = { .query = answer, .context = &records };
    struct target_server server = { .name = STR("mx.test"), .port = 25 };
    struct tls_question q = { STR("a.test"), STR("a.test"), &server, false };
    struct fault fault = { 0 };
    ARENA_AUTO(a);

    if (size == 0)
        return 0;
    bool only = data[0] & 1;
    struct tls_policy p = { .level = only ? TLS_DANE_ONLY : TLS_DANE };
    log_set_sink(say_nothing);
    smtp_conf = (struct smtp_params){ .smtp_dns_support_level = STR("dnssec"),
                                      .smtp_host_lookup = STR("dns") };
    smtp_tls_conf = (struct smtp_tls_params){ .smtp_tls_dane_insecure_mx_policy =
                                                  data[0] & 2 ? STR("encrypt") : STR("dane") };
    server.proof = (struct target_proof){ .listed = data[0] & 4,
                                          .list_secure = data[0] & 8,
                                          .list_owner = STR("list.test"),
                                          .address_secure = data[0] & 16,
                                          .owner = STR("mx.test") };
    dane.log = data[0] & 32;
    if (dane_settle(&dane, &q, &a, &p, &fault))
        check(&p, only);
    else
        must(fault.text.len > 0);
    for (size_t i = 0; i < DANE_KEPT; i++)
        arena_free(&dane.kept[i].arena);
    return 0;
}
