#include "base/log.h"
#include "conf/params.h"
#include "nexthop/dane.h"
#include "unit.h"

static struct buf logged;

static void note(enum log_level level, struct str text)
{
    (void)level;
    buf_join(&logged, text, STR("\n"));
}

/* ---- a zone ---- */

struct entry {
    const char *name;
    enum dns_type type;
    bool secure;
    enum dns_status status;
    struct str data; /* TLSA; more than one: `more` */
    struct str more;
};

struct zone {
    const struct entry *entries;
    struct buf asked;
};

static struct dns_record *record(const struct entry *e, struct str data, struct arena *a)
{
    struct dns_record *r = arena_alloc(a, sizeof *r);

    *r = (struct dns_record){
        .type = e->type, .ttl = 60, .text = data, .secure = e->secure, .owner = str_from(e->name)
    };
    return r;
}

static enum dns_status query(void *context, struct str name, enum dns_type type, struct arena *a,
                             struct dns_record **out)
{
    struct zone *z = context;

    buf_join(&z->asked, name, STR(" "));
    for (const struct entry *e = z->entries; e->name; e++) {
        if (!str_equal(name, str_from(e->name)) || e->type != type)
            continue;
        if (e->status != DNS_OK)
            return e->status;
        *out = record(e, e->data, a);
        if (e->more.ptr)
            (*out)->next = record(e, e->more, a);
        return DNS_OK;
    }
    return DNS_NOT_FOUND;
}

#define EE   STR("\3\1\1\xaa\xbb")
#define KEY  "_25._tcp.mx.test"
#define REAL "_25._tcp.real.test"
#define GOOD(at)                                                 \
    {                                                            \
        .name = at, .type = DNS_TLSA, .secure = true, .data = EE \
    }
#define UNSIGNED(at)                             \
    {                                            \
        .name = at, .type = DNS_TLSA, .data = EE \
    }
#define FAILS(at)                                         \
    {                                                     \
        .name = at, .type = DNS_TLSA, .status = DNS_RETRY \
    }
#define END          \
    {                \
        .name = NULL \
    }

/* ---- cases ---- */

struct proofs {
    bool listed, list, address;
    const char *owner;
};
#define SIGNED                      \
    {                               \
        true, true, true, "mx.test" \
    }
#define DIRECT                        \
    {                                 \
        false, false, true, "mx.test" \
    }
#define UNLISTED                     \
    {                                \
        true, false, true, "mx.test" \
    }
#define NO_ADDRESS                   \
    {                                \
        true, true, false, "mx.test" \
    }
#define ALIAS                         \
    {                                 \
        true, true, true, "real.test" \
    }
#define HALF_ALIAS                     \
    {                                  \
        true, true, false, "real.test" \
    }

static const struct {
    const char *what;
    struct proofs proofs;
    const char *insecure_mx; /* smtp_tls_dane_insecure_mx_policy */
    struct entry zone[4];
    enum tls_level dane; /* TLS_UNKNOWN: put off */
    const char *base;
    const char *only; /* why dane-only is put off; "": it is not */
} cases[] = {
    { "all is signed", SIGNED, "dane", { GOOD(KEY), END }, TLS_DANE, "mx.test", "" },
    { "no list", DIRECT, "dane", { GOOD(KEY), END }, TLS_DANE, "mx.test", "" },
    { "list is not signed",
      UNLISTED,
      "dane",
      { GOOD(KEY), END },
      TLS_HALF_DANE,
      "mx.test",
      "non DNSSEC destination" },
    { "list is not signed, encrypt",
      UNLISTED,
      "encrypt",
      { GOOD(KEY), END },
      TLS_ENCRYPT,
      "mx.test",
      "non DNSSEC destination" },
    { "list is not signed, may",
      UNLISTED,
      "may",
      { GOOD(KEY), END },
      TLS_MAY,
      NULL,
      "non DNSSEC destination" },
    { "address is not signed",
      NO_ADDRESS,
      "dane",
      { GOOD(KEY), END },
      TLS_MAY,
      NULL,
      "no TLSA records found" },
    { "no records", SIGNED, "dane", { END }, TLS_MAY, NULL, "no TLSA records found" },
    { "no records, list is not signed",
      UNLISTED,
      "encrypt",
      { END },
      TLS_MAY,
      NULL,
      "non DNSSEC destination" },
    { "records are not signed",
      SIGNED,
      "dane",
      { UNSIGNED(KEY), END },
      TLS_MAY,
      NULL,
      "no TLSA records found" },
    { "lookup fails",
      SIGNED,
      "dane",
      { FAILS(KEY), END },
      TLS_UNKNOWN,
      NULL,
      "TLSA lookup error for mx.test:25" },
    { "no usable record",
      SIGNED,
      "dane",
      { { KEY, DNS_TLSA, true, DNS_OK, STR("\1\0\1\xaa"), STR("\3\1\377\xaa") }, END },
      TLS_ENCRYPT,
      "mx.test",
      "TLSA records unusable" },
    { "cut short",
      SIGNED,
      "dane",
      { { KEY, DNS_TLSA, true, DNS_OK, STR("\3\1\1"), STR("\3") }, END },
      TLS_ENCRYPT,
      "mx.test",
      "TLSA records unusable" },
    { "alias", ALIAS, "dane", { GOOD(REAL), GOOD(KEY), END }, TLS_DANE, "real.test", "" },
    { "alias, records at its name",
      ALIAS,
      "dane",
      { { "mx.test", DNS_CNAME, true, DNS_OK, STR_NONE, STR_NONE }, GOOD(KEY), END },
      TLS_DANE,
      "mx.test",
      "" },
    { "alias is signed, address is not",
      HALF_ALIAS,
      "dane",
      { { "mx.test", DNS_CNAME, true, DNS_OK, STR_NONE, STR_NONE }, GOOD(KEY), GOOD(REAL), END },
      TLS_DANE,
      "mx.test",
      "" },
    { "alias is not signed, nor address",
      HALF_ALIAS,
      "dane",
      { { "mx.test", DNS_CNAME, false, DNS_OK, STR_NONE, STR_NONE }, GOOD(KEY), GOOD(REAL), END },
      TLS_MAY,
      NULL,
      "no TLSA records found" },
    { "alias, lookup fails",
      ALIAS,
      "dane",
      { FAILS(REAL), GOOD(KEY), END },
      TLS_UNKNOWN,
      NULL,
      "TLSA lookup error for mx.test:25" },
};

struct result {
    bool ok;
    struct tls_policy policy;
    struct fault fault;
};

static struct result settle(struct dane *dane, size_t i, enum tls_level level, struct arena *a)
{
    const struct proofs *p = &cases[i].proofs;
    struct target_server server = { .name = STR("mx.test"), .port = 25 };
    struct tls_question q = { STR("a.test"), STR("a.test"), &server, false };
    struct result r = { .policy.level = level };

    server.proof = (struct target_proof){ .listed = p->listed,
                                          .list_secure = p->list,
                                          .list_owner = STR("list.test"),
                                          .address_secure = p->address,
                                          .owner = str_from(p->owner) };
    smtp_tls_conf.smtp_tls_dane_insecure_mx_policy = str_from(cases[i].insecure_mx);
    r.ok = dane_settle(dane, &q, a, &r.policy, &r.fault);
    return r;
}

static void forget(struct dane *dane)
{
    for (size_t i = 0; i < DANE_KEPT; i++)
        arena_free(&dane->kept[i].arena);
}

static int setup(void **state)
{
    (void)state;
    logged = (struct buf){ 0 };
    log_set_sink(note);
    smtp_conf = (struct smtp_params){ .smtp_dns_support_level = STR("dnssec"),
                                      .smtp_host_lookup = STR("dns") };
    smtp_tls_conf = (struct smtp_tls_params){ 0 };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_set_sink(NULL);
    buf_free(&logged);
    return 0;
}

static void what_is_signed_decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct zone z = { .entries = cases[i].zone };
        struct dane dane = { .query = query, .context = &z };
        ARENA_AUTO(a);
        struct result r = settle(&dane, i, TLS_DANE, &a);
        if (r.ok ? r.policy.level != cases[i].dane : cases[i].dane != TLS_UNKNOWN)
            fail_msg("%s: %s", cases[i].what, tls_level_name(r.policy.level).ptr);
        if (r.ok && !str_equal(r.policy.base, str_from_null(cases[i].base)))
            fail_msg("%s: base %s", cases[i].what, r.policy.base.ptr);
        r = settle(&dane, i, TLS_DANE_ONLY, &a);
        const char *why = r.ok ? "" : r.fault.text.ptr;
        if (strcmp(why, cases[i].only) != 0 || (r.ok && r.policy.level != TLS_DANE_ONLY))
            fail_msg("%s: dane-only: %s", cases[i].what, why);
        forget(&dane);
        buf_free(&z.asked);
    }
}

static void certificates_below_an_anchor_have_one_of_three_names(void **state)
{
    struct zone z = { .entries = cases[0].zone };
    struct dane dane = { .query = query, .context = &z };
    ARENA_AUTO(a);

    (void)state;
    struct result r = settle(&dane, 0, TLS_DANE, &a);
    assert_true(str_equal(r.policy.names, STR("mx.test a.test list.test ")));
    assert_true(str_equal(r.policy.servername, STR("mx.test")));
    assert_int_equal(r.policy.pins->usage, 3);
    assert_true(str_equal(r.policy.pins->data, STR("\xaa\xbb")));
    assert_true(r.policy.raw_key);
    forget(&dane);
    buf_free(&z.asked);
}

static void answers_are_kept(void **state)
{
    struct zone z = { .entries = cases[0].zone };
    struct dane dane = { .query = query, .context = &z };
    ARENA_AUTO(a);

    (void)state;
    assert_true(settle(&dane, 0, TLS_DANE, &a).ok);
    assert_true(settle(&dane, 0, TLS_DANE, &a).ok);
    assert_string_equal(buf_cstr(&z.asked), KEY " ");
    z.entries = cases[9].zone; /* a failure is not */
    forget(&dane);
    dane = (struct dane){ .query = query, .context = &z };
    buf_clear(&z.asked);
    assert_false(settle(&dane, 9, TLS_DANE, &a).ok);
    assert_false(settle(&dane, 9, TLS_DANE, &a).ok);
    assert_string_equal(buf_cstr(&z.asked), KEY " " KEY " ");
    forget(&dane);
    buf_free(&z.asked);
}

static void without_dnssec_there_is_no_dane(void **state)
{
    struct zone z = { .entries = cases[0].zone };
    struct dane dane = { .query = query, .context = &z };
    ARENA_AUTO(a);

    (void)state;
    smtp_conf.smtp_dns_support_level = STR("enabled");
    assert_int_equal(settle(&dane, 0, TLS_DANE, &a).policy.level, TLS_MAY);
    assert_string_equal(buf_cstr(&logged),
                        "warning: a.test: dane configured with dnssec lookups disabled\n");
    struct result r = settle(&dane, 0, TLS_DANE_ONLY, &a);
    assert_false(r.ok);
    assert_string_equal(r.fault.text.ptr, "client TLS configuration problem");
    buf_clear(&logged);
    smtp_conf.smtp_dns_support_level = STR("dnssec");
    smtp_conf.ignore_mx_lookup_error = true;
    assert_int_equal(settle(&dane, 0, TLS_DANE, &a).policy.level, TLS_MAY);
    assert_string_equal(buf_cstr(&logged),
                        "warning: a.test: dane configured with MX lookup errors ignored\n");
    buf_clear(&logged);
    smtp_conf.ignore_mx_lookup_error = false;
    smtp_conf.smtp_dns_resolver_options = STR("res_defnames");
    assert_int_equal(settle(&dane, 0, TLS_DANE, &a).policy.level, TLS_MAY);
    assert_string_equal(buf_cstr(&logged),
                        "warning: a.test: dns resolver options incompatible with dane TLS\n");
    assert_int_equal(z.asked.len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_signed_decides),
        TEST(certificates_below_an_anchor_have_one_of_three_names),
        TEST(answers_are_kept),
        TEST(without_dnssec_there_is_no_dane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
