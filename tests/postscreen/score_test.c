#include "base/attr.h"
#include "postscreen/score.h"
#include "unit.h"

static struct site *parse(const char *text, struct arena *a)
{
    BUF_AUTO(why, 0);
    struct site *sites;

    if (!sites_parse(str_from(text), a, &sites, &why))
        fail_msg("%s", buf_cstr(&why));
    return sites;
}

static void a_list_that_is_none_is_refused_and_told_why(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "a.test*x", "bad DNSBL weight factor \"x\" in \"a.test*x\"" },
        { "a.test*", "bad DNSBL weight factor \"\" in \"a.test*\"" },
        { "b.test a.test=127.0.0.[1..",
          "bad DNSBL filter syntax: numeric range error at \"127.0.0.[1..><\"" },
        { "a.test=127.0.0.256",
          "bad DNSBL filter syntax: numeric range error at \"127.0.0.>256<\"" },
        { "a.test=127.0.0", "bad DNSBL filter syntax: need \".\" at \"127.0.0><\"" },
        { "a.test=127.0.0.[4..2]",
          "bad DNSBL filter syntax: numeric range error at \"127.0.0.[4..>2]<\"" },
        { "a.test=127.0.0.[1,2]",
          "bad DNSBL filter syntax: need \";\" or \"]\" at \"127.0.0.[1><\"" },
        { "a.test=127.0.0.1.2",
          "bad DNSBL filter syntax: garbage after the pattern at \"127.0.0.1>.2<\"" },
        { "a_.-.test=127.0.0.1", "bad DNSBL domain name \"a_.-.test\" in \"a_.-.test=127.0.0.1\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ARENA_AUTO(arena);
        BUF_AUTO(why, 0);
        struct site *sites;
        assert_false(sites_parse(str_from(cases[i].text), &arena, &sites, &why));
        assert_string_equal(buf_cstr(&why), cases[i].why);
    }
}

static void a_domain_is_asked_once_and_counts_for_every_entry(void **state)
{
    ARENA_AUTO(arena);
    struct site *sites =
        parse("a.test=127.0.0.2*3, a.test=127.0.0.[4..6;9]*5 a.test b.test*-2", &arena);
    struct score s = SCORE_INIT;

    (void)state;
    assert_non_null(sites->next);
    assert_null(sites->next->next);
    score_add(&s, sites, STR("127.0.0.2 127.0.0.9"), 300);
    assert_int_equal(s.total, 9);
    assert_ptr_equal(s.worst, sites);
    score_add(&s, sites->next, STR("127.0.0.2"), 300);
    assert_int_equal(s.total, 7);
    assert_ptr_equal(s.worst, sites);
}

static void who_is_on_no_list_has_no_score(void **state)
{
    ARENA_AUTO(arena);
    struct site *sites = parse("a.test=127.0.0.2 b.test", &arena);
    struct score s = SCORE_INIT;

    (void)state;
    score_add(&s, sites, STR("127.0.0.3 nonsense"), 300);
    score_add(&s, sites->next, STR(""), 60);
    assert_int_equal(s.total, 0);
    assert_null(s.worst);
}

static void an_answer_is_remembered_as_long_as_what_speaks_for_it(void **state)
{
    static const struct {
        const char *bad, *good; /* what the two lists say */
        int64_t bad_ttl, good_ttl, want;
    } cases[] = {
        { "", "127.0.0.2", 500, 700, 500 }, /* not listed, and well known: both speak for it */
        { "", "", 500, 70, 500 },           /* nobody knows it: what is not good says nothing */
        { "", "", 5, 70, 60 },              /* at least */
        { "", "", 5000, 70, 3600 },         /* at most */
        { "", "", -1, 70, 60 },             /* unknown */
        { "127.0.0.2", "", 500, 70, 70 },   /* a score of 1: both speak against it */
        { "127.0.0.2", "127.0.0.2", 500, 700,
          700 }, /* -1 in all: the good one alone speaks for it */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ARENA_AUTO(arena);
        struct site *sites = parse("bad.test good.test*-2", &arena);
        struct score s = SCORE_INIT;
        score_add(&s, sites, str_from(cases[i].bad), cases[i].bad_ttl);
        score_add(&s, sites->next, str_from(cases[i].good), cases[i].good_ttl);
        assert_int_equal(score_ttl(&s, 60, 3600), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_that_is_none_is_refused_and_told_why),
        cmocka_unit_test(a_domain_is_asked_once_and_counts_for_every_entry),
        cmocka_unit_test(who_is_on_no_list_has_no_score),
        cmocka_unit_test(an_answer_is_remembered_as_long_as_what_speaks_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
