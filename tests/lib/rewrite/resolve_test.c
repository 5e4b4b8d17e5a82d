#include "conf/conf.h"
#include "rewrite/rewrite.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char main_cf[] =
    "compatibility_level = 3.11\n"
    "inet_interfaces = 127.0.0.1\n"
    "inet_protocols = ipv4\n"
    "myhostname = mx.home.test\n"
    "mydomain = home.test\n"
    "myorigin = home.test\n"
    "mydestination = home.test, -mine.test\n"
    "virtual_mailbox_domains = box..test\n"
    "virtual_alias_domains = alias..test\n"
    "relay_domains = relay..test\n"
    "transport_maps = inline:{ {there..test = discard:} {host.test:25 = discard:} }\n";

static struct rewriter *rewriter;
static struct conf *conf; /* site_conf borrows from it */

static int open_rewriter(void **state UNUSED)
{
    char dir[] = "/tmp/relevo-resolve-XXXXXX", path[64];
    BUF_AUTO(error, 0);

    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/main.cf", dir);
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs(main_cf, f) < 0 || fclose(f) != 0)
        return -1;
    conf = conf_open(dir, &error);
    if (conf == NULL)
        return -1;
    conf_fill(conf, &site_param_set, &site_conf);
    conf_fill(conf, &table_param_set, &table_conf);
    rewriter = rewrite_open(conf, STR("rewrite"));
    return unlink(path) || rmdir(dir);
}

static void a_domain_that_cannot_be_goes_nowhere(void **state UNUSED)
{
    static const struct {
        const char *address, *transport, *nexthop;
    } cases[] = {
        { "u@far.test", "smtp", "far.test" },
        { "u@under_score.test", "smtp", "under_score.test" },
        { "u@b\xc3\xbc"
          "cher.test",
          "smtp",
          "b\xc3\xbc"
          "cher.test" },
        { "u@far.test.", "smtp", "far.test" },
        { "u@far.123", "smtp", "far.123" },
        { "u@[192.0.2.1]", "smtp", "[192.0.2.1]" },
        { "u@[IPv6:2001:db8::1]", "smtp", "[IPv6:2001:db8::1]" },
        /* A stranger's port must not become a next hop. */
        { "u@host.test:2525", "error", "5.1.3 bad address syntax" },
        { "u@host.test:25", "error", "5.1.3 bad address syntax" },
        { "u@[192.0.2.1]:25", "error", "5.1.3 bad address syntax" },
        { "u@unix:private/store", "error", "5.1.3 bad address syntax" },
        { "u@[far.test]", "error", "5.1.3 bad address syntax" },
        { "u@[]", "error", "5.1.3 bad address syntax" },
        { "u@[300.0.2.1]", "error", "5.1.3 bad address syntax" },
        { "u@192.0.2.1", "error", "5.1.3 bad address syntax" },
        { "u@1.2.3", "error", "5.1.3 bad address syntax" },
        { "u@::1", "error", "5.1.3 bad address syntax" },
        { "u@far..test", "error", "5.1.3 bad address syntax" },
        { "u@.far.test", "error", "5.1.3 bad address syntax" },
        { "u@-far.test", "error", "5.1.3 bad address syntax" },
        /* No table makes it a domain. */
        { "u@-mine.test", "error", "5.1.3 bad address syntax" },
        { "u@box..test", "error", "5.1.3 bad address syntax" },
        { "u@alias..test", "error", "5.1.3 bad address syntax" },
        { "u@relay..test", "error", "5.1.3 bad address syntax" },
        { "u@there..test", "error", "5.1.3 bad address syntax" },
        { "u%far..test@home.test", "error", "5.1.3 bad address syntax" },
        { "u%host.test:26@home.test", "error", "5.1.3 bad address syntax" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ARENA_AUTO(arena);
        struct resolution r =
            rewrite_resolve(rewriter, STR("s@home.test"), str_from(cases[i].address), &arena);

        print_message("%s\n", cases[i].address);
        assert_true(str_equal(r.transport, str_from(cases[i].transport)));
        assert_true(str_equal(r.nexthop, str_from(cases[i].nexthop)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_domain_that_cannot_be_goes_nowhere) };

    return cmocka_run_group_tests(tests, open_rewriter, NULL);
}
