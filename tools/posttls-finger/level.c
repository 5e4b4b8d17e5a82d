#include "base/log.h"
#include "conf/params.h"
#include "nexthop/dane.h"
#include "tools/posttls-finger/finger.h"

/* Everything but a match is what there is without records. */
static bool has_records(const struct tls_policy *p)
{
    bool wanted = str_equal_nocase(smtp_tls_conf.smtp_tls_dane_insecure_mx_policy, STR("encrypt"));

    return tls_level_is_dane(p->level) || (wanted && p->level == TLS_ENCRYPT);
}

bool level_settle(void *context, const struct tls_question *q, struct arena *a,
                  struct tls_policy *p, struct fault *fault)
{
    bool only = p->level == TLS_DANE_ONLY;
    bool asks_dns = str_has_word(smtp_conf.smtp_host_lookup, STR("dns"));

    p->level = asks_dns ? TLS_DANE : TLS_MAY;
    if (asks_dns && !dane_settle(context, q, a, p, fault))
        return false;
    if (has_records(p)) {
        p->level = only && p->level == TLS_DANE ? TLS_DANE_ONLY : p->level;
        return true;
    }
    if (only)
        log_info("no TLSA records found, resorting to \"secure\"");
    *p = (struct tls_policy){ .level = TLS_SECURE };
    return true;
}
