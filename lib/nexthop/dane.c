#include "nexthop/dane.h"

#include "base/log.h"
#include "conf/params.h"
#include "os/clock.h"

#define KEPT_MIN_S 1
#define KEPT_MAX_S 100
#define KEPT_NOTHING_S \
    10 /* that there are no records; c-ares does not tell how long that is true */
#define SHOWN_BYTES      32 /* of long data, at both ends */
#define USAGE_TA         2
#define USAGE_EE         3
#define SELECTOR_KEY     1
#define MATCHING_OF_OURS 255

/* One server under way. */
struct decision {
    struct dane *dane;
    const struct tls_question *q;
    const struct target_proof *proof;
    struct arena *arena;
    struct tls_policy *policy;
    struct fault *fault;
    bool only; /* dane-only: nothing less will do */
};

/* ---- ways out ---- */

static bool is_put_off(struct decision *d, const char *why)
{
    fault_set(d->fault, d->arena, "4.7.5", false, "%s", why);
    return false;
}

/* There is no DANE here: TLS is optional then, unless the site wants nothing else. */
static bool without_dane(struct decision *d, const char *why)
{
    d->policy->level = TLS_MAY;
    return !d->only || is_put_off(d, why);
}

/* ---- preconditions ---- */

static const char *what_is_in_the_way(void)
{
    if (!str_equal_nocase(smtp_conf.smtp_dns_support_level, STR("dnssec")) ||
        !str_has_word(smtp_conf.smtp_host_lookup, STR("dns")))
        return "configured with dnssec lookups disabled";
    if (smtp_conf.ignore_mx_lookup_error)
        return "configured with MX lookup errors ignored";
    return NULL;
}

static bool can_be_trusted(const struct decision *d)
{
    const char *obstacle = what_is_in_the_way();

    if (obstacle) {
        log_warning(STR_FMT ": %s %s", STR_ARG(d->q->destination), d->only ? "dane-only" : "dane",
                    obstacle);
        return false;
    }
    /* Whoever completes names asks for others than were written. */
    if (smtp_conf.smtp_dns_resolver_options.len == 0)
        return true;
    log_warning(STR_FMT ": dns resolver options incompatible with %s TLS",
                STR_ARG(d->q->destination), d->only ? "dane-only" : "dane");
    return false;
}

/* ---- asking, and keeping answers ---- */

static struct dane_answer *find_kept(struct dane *dane, struct str name)
{
    int64_t now = clock_now_ms();

    for (size_t i = 0; i < DANE_KEPT; i++)
        if (dane->kept[i].until_ms > now && str_equal(dane->kept[i].name, name))
            return &dane->kept[i];
    return NULL;
}

static int64_t lifetime_s(const struct dane_answer *answer)
{
    int64_t least = answer->records ? KEPT_MAX_S : KEPT_NOTHING_S;

    for (const struct dns_record *r = answer->records; r; r = r->next)
        least = MIN(least, (int64_t)r->ttl);
    return MAX(least, KEPT_MIN_S);
}

static struct dane_answer *ask(struct decision *d, struct str host)
{
    struct dane *dane = d->dane;
    BUF_AUTO(name, 512);

    buf_addf(&name, "_%d._tcp." STR_FMT, d->q->server->port, STR_ARG(host));
    struct dane_answer *answer = find_kept(dane, buf_str(&name));
    if (answer)
        return answer;
    answer = &dane->kept[dane->next];
    dane->next = (dane->next + 1) % DANE_KEPT;
    arena_free(&answer->arena);
    *answer = (struct dane_answer){ .arena = ARENA_INIT };
    answer->name = arena_str(&answer->arena, buf_str(&name));
    answer->status =
        dane->query(dane->context, answer->name, DNS_TLSA, &answer->arena, &answer->records);
    if (answer->status == DNS_OK) {
        answer->secure = answer->records->secure;
        answer->owner = answer->records->owner;
    }
    bool failed = answer->status != DNS_OK && answer->status != DNS_NO_DATA &&
                  answer->status != DNS_NOT_FOUND;
    answer->until_ms = failed ? 0 : clock_now_ms() + lifetime_s(answer) * 1000;
    return answer;
}

/* ---- which name has the records ---- */

enum found { FOUND, FOUND_NONE, FOUND_ERROR };

static enum found look_at(struct decision *d, struct str host, struct dane_answer **answer)
{
    *answer = ask(d, host);
    switch ((*answer)->status) {
    case DNS_OK:
        d->policy->base = arena_str(d->arena, host);
        return (*answer)->secure ? FOUND : FOUND_NONE;
    case DNS_NOT_FOUND:
    case DNS_NO_DATA:
        return FOUND_NONE;
    default:
        log_warning("DANE TLSA lookup problem: Host or domain name not found. Name service error "
                    "for name=" STR_FMT " type=TLSA: %s",
                    STR_ARG((*answer)->name), dns_status_text((*answer)->status));
        return FOUND_ERROR;
    }
}

/* An alias can be signed although what it leads to is not. */
static bool alias_is_secure(struct decision *d)
{
    struct dns_record *alias = NULL;

    return d->dane->query(d->dane->context, d->q->server->name, DNS_CNAME, d->arena, &alias) ==
               DNS_OK &&
           alias->secure;
}

/* At the end of all aliases first, then at the name itself. */
static enum found find_records(struct decision *d, struct dane_answer **answer)
{
    const struct target_proof *p = d->proof;
    struct str name = d->q->server->name;
    bool is_alias = p->owner.len && !str_equal_nocase(p->owner, name);
    enum found found = FOUND_NONE;

    if (is_alias && p->address_secure)
        found = look_at(d, p->owner, answer);
    if (found != FOUND_NONE)
        return found;
    bool name_is_secure = is_alias ? alias_is_secure(d) : p->address_secure;
    if (name_is_secure || smtp_tls_conf.smtp_tls_force_insecure_host_tlsa_lookup)
        found = look_at(d, name, answer);
    return found;
}

/* ---- records that can be used ---- */

static void show_data(struct str data, struct buf *out)
{
    enum { HEAD = 3 };

    if (data.len <= HEAD + 2 * SHOWN_BYTES) {
        dns_tlsa_format(data, out);
        return;
    }
    dns_tlsa_format(str_sub(data, 0, HEAD + SHOWN_BYTES), out);
    buf_add(out, STR("..."));
    for (size_t i = data.len - SHOWN_BYTES; i < data.len; i++)
        buf_addf(out, "%02X", (unsigned char)data.ptr[i]);
}

static void say(const struct dane_answer *answer, const char *what, struct str data, bool warn)
{
    bool alias = answer->owner.len && !str_equal_nocase(answer->owner, answer->name);
    struct str owner = alias ? answer->owner : STR_NONE;
    BUF_AUTO(text, 0);

    show_data(data, &text);
    if (warn)
        log_warning(STR_FMT "%s" STR_FMT " %s: " STR_FMT, STR_ARG(answer->name),
                    alias ? " -> " : "", STR_ARG(owner), what, STR_ARG(buf_str(&text)));
    else
        log_info("%s: " STR_FMT "%s" STR_FMT ": " STR_FMT, what, STR_ARG(answer->name),
                 alias ? " -> " : "", STR_ARG(owner), STR_ARG(buf_str(&text)));
}

static bool is_usable(const struct dane_answer *answer, struct str data)
{
    enum { USAGE, SELECTOR, MATCHING, HEAD };

    if (data.len <= HEAD) {
        log_warning(STR_FMT ": truncated TLSA RR length == %zu", STR_ARG(answer->name), data.len);
        return false;
    }
    if (data.ptr[USAGE] != USAGE_TA && data.ptr[USAGE] != USAGE_EE) {
        say(answer, "unsupported TLSA certificate usage", data, true);
        return false;
    }
    if ((unsigned char)data.ptr[MATCHING] != MATCHING_OF_OURS)
        return true;
    say(answer, "reserved private-use matching type", data, true);
    return false;
}

static void take_records(struct decision *d, const struct dane_answer *answer)
{
    const struct tls_pin **tail = &d->policy->pins;

    d->policy->raw_key = true;
    for (const struct dns_record *r = answer->records; r; r = r->next) {
        if (!is_usable(answer, r->text))
            continue;
        struct tls_pin *pin = arena_alloc(d->arena, sizeof *pin);
        *pin = (struct tls_pin){ .usage = (unsigned char)r->text.ptr[0],
                                 .selector = (unsigned char)r->text.ptr[1],
                                 .matching = (unsigned char)r->text.ptr[2],
                                 .data = arena_str(d->arena, str_skip(r->text, 3)) };
        *tail = pin;
        tail = &pin->next;
        d->policy->raw_key &= pin->usage == USAGE_EE && pin->selector == SELECTOR_KEY;
        if (d->dane->log)
            say(answer, "DNSSEC-signed TLSA record", r->text, false);
    }
}

/* ---- the decision ---- */

/* Names that a certificate below a trust anchor of the records may have. */
static void settle_names(struct decision *d)
{
    struct tls_policy *p = d->policy;
    BUF_AUTO(names, 2048);

    buf_join(&names, p->base, STR(" "));
    if (d->proof->listed)
        buf_join(&names, d->q->domain, STR(" "));
    if (d->proof->list_secure && d->proof->list_owner.len)
        buf_join(&names, d->proof->list_owner, STR(" "));
    p->names = arena_str(d->arena, buf_str(&names));
    p->servername = p->base;
}

static bool is_insecure_list(const struct decision *d)
{
    return d->proof->listed && !d->proof->list_secure;
}

static bool use_records(struct decision *d, const struct dane_answer *answer)
{
    struct tls_policy *p = d->policy;
    enum tls_level there = tls_level_parse(smtp_tls_conf.smtp_tls_dane_insecure_mx_policy);

    take_records(d, answer);
    settle_names(d);
    p->level = is_insecure_list(d) ? TLS_HALF_DANE : d->only ? TLS_DANE_ONLY : TLS_DANE;
    if (p->pins == NULL || (is_insecure_list(d) && there == TLS_ENCRYPT)) {
        p->level = TLS_ENCRYPT;
        p->raw_key = false;
        p->pins = NULL;
    }
    return p->level != TLS_ENCRYPT || !d->only || is_put_off(d, "TLSA records unusable");
}

static bool decide(struct decision *d)
{
    struct dane_answer *answer;
    enum tls_level there = tls_level_parse(smtp_tls_conf.smtp_tls_dane_insecure_mx_policy);
    BUF_AUTO(text, 512);

    if (is_insecure_list(d) && (d->only || (there != TLS_DANE && there != TLS_ENCRYPT)))
        return without_dane(d, "non DNSSEC destination");
    switch (find_records(d, &answer)) {
    case FOUND:
        return use_records(d, answer);
    case FOUND_NONE:
        d->policy->base = STR_NONE;
        return without_dane(d, "no TLSA records found");
    case FOUND_ERROR:
        break;
    }
    buf_addf(&text, "TLSA lookup error for " STR_FMT ":%d", STR_ARG(d->q->server->name),
             d->q->server->port);
    return is_put_off(d, buf_cstr(&text));
}

bool dane_settle(void *context, const struct tls_question *q, struct arena *a, struct tls_policy *p,
                 struct fault *fault)
{
    struct decision d = { .dane = context,
                          .q = q,
                          .proof = &q->server->proof,
                          .arena = a,
                          .policy = p,
                          .fault = fault,
                          .only = p->level == TLS_DANE_ONLY };

    if (!can_be_trusted(&d))
        return without_dane(&d, "client TLS configuration problem");
    return decide(&d);
}
