#include "base/log.h"
#include "conf/conf.h"
#include "queue/record.h"
#include "rewrite/rewrite.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char main_cf[] = "compatibility_level = 3.11\n"
                              "inet_interfaces = 127.0.0.1\n"
                              "inet_protocols = ipv4\n"
                              "myhostname = mx.home.test\n"
                              "mydestination = home.test\n";

/* A rewriter for a main.cf with this line, too. */
static struct rewriter *open_with(struct str line, struct conf **conf)
{
    char dir[] = "/tmp/relevo-resolve-XXXXXX", path[64];
    BUF_AUTO(error, 0);

    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/main.cf", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fprintf(f, "%s" STR_FMT "\n", main_cf, STR_ARG(line)) > 0);
    assert_int_equal(fclose(f), 0);
    *conf = conf_open(dir, &error);
    assert_non_null(*conf);
    conf_fill(*conf, &site_param_set, &site_conf);
    conf_fill(*conf, &table_param_set, &table_conf);
    struct rewriter *r = rewrite_open(*conf, STR("rewrite"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    return r;
}

static void a_result_that_no_record_holds_is_a_failed_lookup(void **state UNUSED)
{
    static const char *const parameters[] = { "transport_maps", "relocated_maps",
                                              "sender_dependent_default_transport_maps",
                                              "sender_dependent_relayhost_maps" };
    static const struct {
        size_t length;
        bool fits;
    } cases[] = { { 100, true }, { RECORD_FACT_MAX - 64, true }, { RECORD_FACT_MAX, false } };

    for (size_t p = 0; p < ARRAY_LEN(parameters); p++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            ARENA_AUTO(arena);
            BUF_AUTO(line, 0);
            struct conf *conf;
            buf_addf(&line, "%s = static:smtp:", parameters[p]);
            for (size_t n = strlen("smtp:"); n < cases[i].length; n++)
                buf_addc(&line, 'n');
            struct rewriter *r = open_with(buf_str(&line), &conf);
            struct resolution res = rewrite_resolve(r, STR("s@x.test"), STR("a@y.test"), &arena);
            assert_int_equal((res.flags & RESOLVE_FAIL) == 0, cases[i].fits);
            rewrite_close(r);
            conf_close(conf);
        }
    }
}

static struct buf warnings;

static void note(enum log_level level UNUSED, struct str text)
{
    buf_join(&warnings, text, STR("\n"));
}

/* Once a domain, whatever the number of its addresses. */
static void a_domain_of_two_classes_is_told_of(void **state UNUSED)
{
    static const struct {
        const char *lines, *want;
    } cases[] = {
        { "virtual_alias_domains = home.test\n", "warning: do not list domain home.test in BOTH "
                                                 "mydestination and virtual_alias_domains\n" },
        { "virtual_mailbox_domains = home.test, v.test\nvirtual_alias_domains = v.test\n",
          "warning: do not list domain home.test in BOTH mydestination and "
          "virtual_mailbox_domains\n"
          "warning: do not list domain v.test in BOTH virtual_alias_domains and "
          "virtual_mailbox_domains\n" },
        { "virtual_mailbox_domains = v.test\nrelay_domains = v.test, home.test\n",
          "warning: do not list domain v.test in BOTH virtual_mailbox_domains and "
          "relay_domains\n" },
        { "virtual_alias_domains = v.test\nvirtual_mailbox_domains = w.test\n", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ARENA_AUTO(arena);
        struct conf *conf;
        struct rewriter *r = open_with(str_from(cases[i].lines), &conf);

        log_set_sink(note);
        for (int n = 0; n < 2; n++) {
            (void)rewrite_resolve(r, STR("s@x.test"), STR("a@home.test"), &arena);
            (void)rewrite_resolve(r, STR("s@x.test"), STR("b@v.test"), &arena);
        }
        log_set_sink(NULL);
        assert_string_equal(buf_cstr(&warnings), cases[i].want);
        buf_clear(&warnings);
        rewrite_close(r);
        conf_close(conf);
    }
    buf_free(&warnings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_that_no_record_holds_is_a_failed_lookup),
        cmocka_unit_test(a_domain_of_two_classes_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
