#include "master/master.h"
#include "unit.h"

static const char *const no_args[] = { NULL };
static const char *const two_args[] = { "-o", "myhostname=one.test", NULL };

static void check(const struct service_line *line, const struct master_options *o, bool stressed,
                  size_t sockets, const char *expected)
{
    ARENA_AUTO(arena);
    BUF_AUTO(text, 1024);

    for (const char *const *a = start_arguments(line, o, stressed, sockets, &arena); *a; a++) {
        buf_add_cstr(&text, text.len ? " " : "");
        buf_add_cstr(&text, *a);
    }
    assert_string_equal(buf_cstr(&text), expected);
}

static void arguments_have_the_order_that_ps_shows(void **state)
{
    static const struct master_options plain = { 0 },
                                       loud = { .verbose = 2, .keep_terminal = true };
    struct service_line inet = { .name = "127.0.0.1:13025",
                                 .command = "smtpd",
                                 .type = MASTER_INET,
                                 .unprivileged = true,
                                 .limit = 100,
                                 .args = (const char **)(uintptr_t)no_args };
    struct service_line one = { .name = "qmgr",
                                .command = "qmgr",
                                .type = MASTER_UNIX,
                                .unprivileged = true,
                                .limit = 1,
                                .args = (const char **)(uintptr_t)no_args };
    struct service_line any = { .name = "defer",
                                .command = "bounce",
                                .type = MASTER_UNIX,
                                .chroot = true,
                                .unprivileged = true,
                                .limit = 0,
                                .args = (const char **)(uintptr_t)two_args };

    (void)state;
    check(&inet, &plain, false, 1, "smtpd -n 127.0.0.1:13025 -t inet -u -o stress=");
    check(&inet, &plain, true, 2, "smtpd -n 127.0.0.1:13025 -t inet -u -o stress=yes -s 2");
    check(&one, &plain, true, 1, "qmgr -l -t unix -u");
    check(&any, &loud, false, 1,
          "bounce -z -n defer -t unix -d -v -v -u -c -o myhostname=one.test");
    inet.limit = 1;
    check(&inet, &plain, false, 1, "smtpd -l -n 127.0.0.1:13025 -t inet -u");
    inet.type = MASTER_PASS;
    inet.limit = 0;
    check(&inet, &plain, false, 1, "smtpd -z -n 127.0.0.1:13025 -t pass -u");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(arguments_have_the_order_that_ps_shows) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
