#include "master/endpoint.h"
#include "unit.h"

struct endpoint_case {
    const char *name;
    enum master_type type;
    const char *interfaces;
    const char *label; /* NULL: refused, and then `where` is the reason */
    const char *where; /* joined by blanks */
    bool local_only;
    const char *public_program; /* NULL: a private service of some program */
};

static const struct endpoint_case cases[] = {
    { "smtp", MASTER_INET, "all", "25", "0.0.0.0:25 [::]:25", false, NULL },
    { "2525", MASTER_INET, "127.0.0.1, 127.0.0.7", "2525", "127.0.0.1:2525 127.0.0.7:2525", true,
      NULL },
    { "submission", MASTER_INET, "192.0.2.1", "587", "192.0.2.1:587", false, NULL },
    { "127.0.0.1:smtp", MASTER_INET, "all", "127.0.0.1:25", "127.0.0.1:25", true, NULL },
    { "[2001:db8::1]:26", MASTER_INET, "all", "[2001:db8::1]:26", "[2001:db8::1]:26", false, NULL },
    { "10.99.0.1:10001", MASTER_INET, "all", "10.99.0.1:10001", "10.99.0.1:10001", false, NULL },
    { "no-such-port", MASTER_INET, "all", NULL,
      "service definition requires valid host name or address: no-such-port", false, NULL },
    { "smtp", MASTER_UNIX, "all", "private/smtp", "private/smtp", true, NULL },
    { "a/b", MASTER_FIFO, "all", "private/a/b", "private/a/b", true, NULL },
    { "smtpd", MASTER_PASS, "all", "private/smtpd", "private/smtpd", false, NULL },
    { "pickup", MASTER_UNIX, "all", "public/pickup", "public/pickup submit/pickup", true,
      "pickup" },
    { "mine", MASTER_FIFO, "all", "public/mine", "public/mine submit/mine", true, "pickup" },
    { "pickup", MASTER_UNIX, "all", "public/pickup", "public/pickup", true, "qmgr" },
    { "../evil", MASTER_UNIX, "all", NULL, "bad service name: ../evil", false, NULL },
};

static void check(const struct endpoint_case *c)
{
    struct service_line line = { .arena = ARENA_INIT,
                                 .name = c->name,
                                 .type = c->type,
                                 .private = c->public_program == NULL,
                                 .command = c->public_program ? c->public_program : "pickup" };
    BUF_AUTO(error, 256);
    BUF_AUTO(where, 256);

    site_conf.inet_interfaces = str_from(c->interfaces);
    bool ok = endpoint_resolve(&line, &error);
    assert_int_equal(ok, c->label != NULL);
    if (ok) {
        for (const char **w = line.where; *w; w++)
            buf_join(&where, where.len ? STR(" ") : STR(""), str_from(*w));
        assert_string_equal(line.label, c->label);
        assert_string_equal(buf_cstr(&where), c->where);
        assert_int_equal(line.local_only, c->local_only);
    } else {
        assert_string_equal(buf_cstr(&error), c->where);
    }
    arena_free(&line.arena);
}

static void names_become_addresses_and_paths(void **state)
{
    (void)state;
    site_conf.inet_protocols = STR("all");
    site_conf.known_tcp_ports = STR("lmtp=24, smtp=25, smtps=submissions=465, submission=587");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_become_addresses_and_paths) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
