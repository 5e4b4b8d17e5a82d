#include "conf/check.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct told {
    struct buf text;
    const char *dir;
};

static void note(void *context, struct str fault)
{
    struct told *t = context;
    struct str rest = fault;

    if (str_skip_prefix(&rest, str_from(t->dir)))
        buf_join(&t->text, STR("DIR"), rest, STR("\n"));
    else
        buf_join(&t->text, fault, STR("\n"));
}

/* The reports about a main.cf and, if there is one, about a service of master.cf. */
static unsigned check(const char *main_cf, const char *service, struct told *t)
{
    char dir[] = "/tmp/check_test.XXXXXX", path[64];
    const struct check_listener listener = { note, t };
    BUF_AUTO(error, 0);
    ARENA_AUTO(arena);
    struct master_cf cf;

    assert_non_null(mkdtemp(dir));
    t->dir = dir;
    (void)snprintf(path, sizeof path, "%s/main.cf", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(main_cf, f);
    /* what the tester's machine may lack */
    fputs("\nmail_owner = daemon\nsetgid_group = mail\ndaemon_directory = /\nqueue_directory = /\n",
          f);
    fclose(f);
    struct conf *c = conf_open(dir, &error);
    assert_non_null(c);
    unlink(path);
    rmdir(dir);
    unsigned faults = service ? 0 : conf_check_main(c, &listener);
    if (service) {
        assert_true(master_cf_parse(str_from(service), STR("master.cf"), &arena, &cf, &error));
        for (size_t i = 0; i < cf.count; i++)
            faults += conf_check_service(c, &cf.entries[i], &listener);
    }
    conf_close(c);
    return faults;
}

static void assert_faults(const char *main_cf, const char *service, unsigned count,
                          const char *expected)
{
    struct told t = { .text = BUF_INIT(0) };

    unsigned faults = check(main_cf, service, &t);
    assert_string_equal(buf_cstr(&t.text), expected);
    assert_int_equal(faults, count);
    buf_free(&t.text);
}

static void a_good_file_has_no_faults(void **state)
{
    (void)state;
    assert_faults("compatibility_level = 3.6\nown = ${x\nslow_destination_rate_delay = 2m\n", NULL,
                  0, "");
}

static void every_kind_of_value_is_looked_at(void **state)
{
    static const struct {
        const char *line, *fault;
    } cases[] = {
        { "message_size_limit =", "bad numerical configuration: message_size_limit = " },
        { "default_process_limit = many",
          "bad numerical configuration: default_process_limit = many" },
        { "smtpd_recipient_limit = 0", "invalid smtpd_recipient_limit parameter value 0 < 1" },
        { "smtpd_timeout = 5 parsecs",
          "parameter smtpd_timeout: bad time value or unit: 5 parsecs" },
        { "ipc_timeout = 0", "invalid ipc_timeout: 0 (min 1)" },
        { "helpful_warnings = perhaps", "bad boolean configuration: helpful_warnings = perhaps" },
        { "myhostname =", "bad string length 0 < 1: myhostname = " },
        { "smtp_destination_concurrency_limit = many",
          "bad numerical configuration: smtp_destination_concurrency_limit = many" },
        { "slow_destination_recipient_limit = -1",
          "invalid slow_destination_recipient_limit parameter value -1 < 0" },
        { "slow_destination_rate_delay = soon",
          "parameter slow_destination_rate_delay: bad time value or unit: soon" },
        { "maildrop_time_limit = x", "parameter maildrop_time_limit: bad time value or unit: x" },
        { "inet_protocols = ipv4, ipv5",
          "unknown inet_protocols value \"ipv5\" in \"ipv4, ipv5\"" },
        { "mynetworks_style = galaxy", "unknown mynetworks_style value: galaxy" },
        { "masquerade_classes = envelope",
          "unknown masquerade_classes value \"envelope\" in \"envelope\"" },
        { "header_from_format = new", "bad configuration: header_from_format = new" },
        { "mailbox_delivery_lock = fcntl, padlock",
          "unknown mailbox_delivery_lock value \"padlock\" in \"fcntl, padlock\"" },
        { "default_privs = nosuchuser",
          "file DIR/main.cf: parameter default_privs: unknown user name value: nosuchuser" },
        { "default_privs = root",
          "file DIR/main.cf: parameter default_privs: user root has privileged user ID" },
        { "default_privs = daemon", "file DIR/main.cf: parameters default_privs and mail_owner "
                                    "specify the same user daemon" },
        { "mydestination = ${x", "truncated macro reference: \"${x\"" },
        { "mydestination = $mydestination",
          "unreasonable macro call nesting: \"mydestination\" (used by mydestination)" },
        { "myorigin = /nonexistent", "/nonexistent: cannot open file: No such file or directory" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct told t = { .text = BUF_INIT(0) };
        BUF_AUTO(main_cf, 0);
        BUF_AUTO(first, 0);
        buf_join(&main_cf, STR("# a comment\n"), str_from(cases[i].line));
        assert_true(check(buf_cstr(&main_cf), NULL, &t) >= 1);
        buf_join(&first, STR("DIR/main.cf, line 2: "));
        struct str text = buf_str(&t.text), line = str_cut(&text, '\n'), rest = line;
        assert_true(str_skip_prefix(&rest, buf_str(&first)));
        if (!str_starts(rest, STR("file ")) && !str_equal(rest, str_from(cases[i].fault)))
            fail_msg("%s: " STR_FMT, cases[i].line, STR_ARG(line));
        if (str_starts(rest, STR("file ")))
            assert_true(str_ends(rest, str_skip(str_from(cases[i].fault), strlen("file DIR"))));
        buf_free(&t.text);
    }
}

static void all_faults_are_told_each_with_its_line(void **state)
{
    struct told t = { .text = BUF_INIT(0) };

    (void)state;
    assert_int_equal(check("ipc_idle = x\nsoft_bounce = x\n\nhash_queue_depth = x\n", NULL, &t), 3);
    assert_non_null(strstr(buf_cstr(&t.text), "line 1: parameter ipc_idle"));
    assert_non_null(strstr(buf_cstr(&t.text), "line 2: bad boolean"));
    assert_non_null(strstr(buf_cstr(&t.text), "line 4: bad numerical"));
    buf_free(&t.text);
}

static void a_fault_of_expansion_is_where_the_text_is(void **state)
{
    (void)state;
    assert_faults("mydestination = $mine\nmine = ${x\n", NULL, 1,
                  "DIR/main.cf, line 2: truncated macro reference: \"${x\"\n");
}

static void settings_of_services_are_looked_at_with_their_line(void **state)
{
    (void)state;
    assert_faults(
        "compatibility_level = 3.6\n",
        "a unix - - n - - smtpd\n  -o smtpd_timeout=x\n"
        "b unix - - n - - smtpd -o smtpd_timeout=$t -o { t = 5 years }\n"
        "c unix - - n - - smtpd -o smtpd_timeout=$t -o t=5s\n"
        "smtp unix - - n - - smtp -o smtp_destination_rate_delay=x\n",
        3,
        "DIR/master.cf: line 1: -o smtpd_timeout: parameter smtpd_timeout: bad time value or "
        "unit: x\n"
        "DIR/master.cf: line 3: -o smtpd_timeout: parameter smtpd_timeout: bad time value or "
        "unit: 5 years\n"
        "DIR/master.cf: line 5: -o smtp_destination_rate_delay: parameter "
        "smtp_destination_rate_delay: bad time value or unit: x\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_has_no_faults),
        cmocka_unit_test(every_kind_of_value_is_looked_at),
        cmocka_unit_test(all_faults_are_told_each_with_its_line),
        cmocka_unit_test(a_fault_of_expansion_is_where_the_text_is),
        cmocka_unit_test(settings_of_services_are_looked_at_with_their_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
