#include "base/log.h"
#include "conf/conf.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char last_line[500]; /* what was logged last */

static void remember(enum log_level level, struct str text)
{
    (void)level;
    snprintf(last_line, sizeof last_line, STR_FMT, STR_ARG(text));
}

static struct conf *conf_with(const char *main_cf, struct buf *error)
{
    char dir[] = "/tmp/conf_test.XXXXXX", path[64];

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/main.cf", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(main_cf, f);
    fclose(f);
    struct conf *c = conf_open(dir, error);
    unlink(path);
    rmdir(dir);
    return c;
}

static struct conf *conf_of(const char *main_cf)
{
    BUF_AUTO(error, 0);
    struct conf *c = conf_with(main_cf, &error);

    if (c == NULL)
        fail_msg("%s", buf_cstr(&error));
    return c;
}

static void assert_str(struct str have, const char *want)
{
    char text[1000];

    snprintf(text, sizeof text, STR_FMT, STR_ARG(have));
    assert_string_equal(text, want);
}

static void lines_continue_and_comments_do_not_count(void **state)
{
    struct conf *c = conf_of("# a = 0\na = 1,\n# comment\n\n  2\n\t3  \n #x\nb=$a\nc =\n");

    (void)state;
    assert_str(conf_raw(c, STR("a")), "1,  2\t3");
    assert_str(conf_value(c, STR("b")), "1,  2\t3");
    assert_true(conf_is_set(c, STR("c")));
    assert_false(conf_is_set(c, STR("d")));
    conf_close(c);
}

static void bad_lines_are_reported_with_file_and_number(void **state)
{
    static const struct {
        const char *text, *end;
    } cases[] = {
        { "a=1\n\nfoo\n", "/main.cf, line 3: missing '=' after attribute name: \"foo\"" },
        { "q r = x\n", "/main.cf, line 1: missing '=' after attribute name: \"q r = x\"" },
        { "= x\n", "/main.cf, line 1: missing attribute name: \"= x\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(error, 0);
        assert_null(conf_with(cases[i].text, &error));
        if (!str_ends(buf_str(&error), str_from(cases[i].end)))
            fail_msg("%s", buf_cstr(&error));
    }
}

static void the_last_of_two_entries_wins_with_a_warning(void **state)
{
    struct conf *c = conf_of("a = 1\na = 2\n");

    (void)state;
    assert_str(conf_value(c, STR("a")), "2");
    assert_non_null(strstr(last_line, "/main.cf, line 2: overriding earlier entry: a=1"));
    conf_fill_site(c); /* as every program, and then the other value is said, too */
    assert_non_null(strstr(last_line, "/main.cf, line 1: overriding earlier entry: a=2"));
    conf_close(c);
}

static void the_same_line_twice_is_no_news(void **state)
{
    last_line[0] = '\0';
    struct conf *c = conf_of("a = 1\nb = 2\na=1\n");

    (void)state;
    assert_string_equal(last_line, "");
    conf_close(c);
}

static void a_missing_file_is_named(void **state)
{
    BUF_AUTO(error, 0);

    (void)state;
    assert_null(conf_open("/nonexistent", &error));
    assert_string_equal(buf_cstr(&error), "open /nonexistent/main.cf: No such file or directory");
}

static void overrides_win_and_forks_do_not_see_them(void **state)
{
    struct conf *c = conf_of("mydomain = a.test\nmyorigin = $mydomain\n");

    (void)state;
    assert_str(conf_value(c, STR("myorigin")), "a.test");
    conf_override(c, STR("mydomain"), STR("b.test"));
    assert_str(conf_value(c, STR("myorigin")), "b.test");
    struct conf *fork = conf_fork_without_overrides(c);
    conf_close(c);
    assert_str(conf_value(fork, STR("myorigin")), "a.test");
    conf_close(fork);
}

/* A file with this text, and its name. */
static const char *file_with(const char *text)
{
    static char path[64];

    snprintf(path, sizeof path, "/tmp/conf_test.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

static struct conf *conf_with_origin(const char *path, const char *more)
{
    BUF_AUTO(text, 0);

    buf_join(&text, STR("myorigin = "), str_from(path), STR("\n"), str_from(more));
    return conf_of(buf_cstr(&text));
}

static void an_origin_that_is_a_path_is_the_first_line_of_that_file(void **state)
{
    const char *path = file_with(" origin.test \nsecond\n");
    struct conf *c = conf_with_origin(path, "mydestination = $myorigin, ${myorigin?x}.$myorigin\n");
    ARENA_AUTO(arena);

    (void)state;
    struct conf *fork = conf_fork_without_overrides(c);
    assert_str(conf_value(c, STR("myorigin")), "origin.test");
    unlink(path); /* it was read once; a jail has no such file */
    assert_str(conf_value(c, STR("mydestination")), "origin.test, x.origin.test");
    conf_settle(c);
    assert_str(conf_value(c, STR("myorigin")), "origin.test");
    assert_str(conf_value(fork, STR("myorigin")), "origin.test");
    assert_str(conf_expand(fork, STR("<$myorigin>"), &arena), "<origin.test>");
    conf_fill(c, &site_param_set, &site_conf);
    assert_str(site_conf.myorigin, "origin.test");
    conf_close(fork);
    conf_close(c);
}

static void postconf_shows_the_path_of_the_origin(void **state)
{
    struct conf *c = conf_with_origin("/nonexistent", "mydestination = $myorigin\n");

    (void)state;
    conf_show_as_written(c);
    assert_str(conf_value(c, STR("myorigin")), "/nonexistent");
    assert_str(conf_value(c, STR("mydestination")), "/nonexistent");
    conf_close(c);
}

static void an_origin_by_reference_or_option_may_be_a_file(void **state)
{
    const char *path = file_with("origin.test");
    BUF_AUTO(text, 0);

    (void)state;
    buf_join(&text, STR("mine = "), str_from(path), STR("\nmyorigin = $mine\n"));
    struct conf *c = conf_of(buf_cstr(&text));
    assert_str(conf_value(c, STR("myorigin")), "origin.test");
    assert_str(conf_value(c, STR("mine")), path); /* the file is the origin's, not everybody's */
    conf_override(c, STR("myorigin"), STR("other.test"));
    assert_str(conf_value(c, STR("myorigin")), "other.test");
    conf_override(c, STR("myorigin"), str_from(path));
    assert_str(conf_value(c, STR("myorigin")), "origin.test");
    conf_close(c);
    unlink(path);
}

static void an_origin_file_without_an_origin_is_refused(void **state)
{
    static const char *const texts[] = { "", "\n", "  \nsecond\n" };
    BUF_AUTO(error, 0);
    BUF_AUTO(want, 0);
    struct str value;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *path = file_with(texts[i]);
        struct conf *c = conf_with_origin(path, "");
        buf_clear(&want);
        buf_join(&want, STR("myorigin file "), str_from(path), STR(" is empty"));
        assert_false(conf_try_value(c, STR("myorigin"), &value, &error));
        assert_string_equal(buf_cstr(&error), buf_cstr(&want));
        conf_close(c);
        unlink(path);
    }
    struct conf *c = conf_with_origin("/nonexistent/mailname", "");
    assert_false(conf_try_value(c, STR("myorigin"), &value, &error));
    assert_string_equal(buf_cstr(&error),
                        "/nonexistent/mailname: cannot open file: No such file or directory");
    conf_close(c);
}

static void host_names_complete_each_other(void **state)
{
    struct conf *c = conf_of("myhostname = mx.a.test\n");

    (void)state;
    assert_str(conf_value(c, STR("mydomain")), "a.test");
    assert_str(conf_value(c, STR("mydestination")), "mx.a.test, localhost.a.test, localhost");
    conf_close(c);
    c = conf_of("myhostname = foo\n");
    assert_str(conf_value(c, STR("mydomain")), "localdomain");
    conf_close(c);
    c = conf_of("mydomain = b.test\n");
    assert_true(str_has(conf_value(c, STR("myhostname")), '.'));
    conf_close(c);
}

static void defaults_follow_the_compatibility_level(void **state)
{
    struct conf *old = conf_of(""), *new = conf_of("compatibility_level = 3.6\n");

    (void)state;
    assert_str(conf_value(old, STR("append_dot_mydomain")), "yes");
    assert_str(conf_value(new, STR("append_dot_mydomain")), "no");
    assert_str(conf_value(old, STR("smtpd_relay_restrictions")), "");
    assert_str(conf_value(new, STR("smtp_tls_fingerprint_digest")), "sha256");
    assert_true(conf_level_below(new, "3.11"));
    assert_false(conf_level_below(new, "3.6"));
    conf_close(old);
    conf_close(new);
}

static void structs_are_filled_with_the_right_types(void **state)
{
    struct conf *c =
        conf_of("compatibility_level = 3.6\nmynetworks = 10.0.0.0/8\nsmtpd_timeout = 5m\n"
                "soft_bounce = YES\nluser_relay = $user@x\nmessage_size_limit = 8589934592\n"
                "delay_warning_time = 2\n");

    (void)state;
    conf_override(c, STR("stress"), STR("yes"));
    conf_fill(c, &site_param_set, &site_conf);
    conf_fill(c, &smtpd_param_set, &smtpd_conf);
    conf_fill(c, &local_param_set, &local_conf);
    assert_int_equal(smtpd_conf.smtpd_timeout, 300);
    assert_int_equal(smtpd_conf.smtpd_hard_error_limit, 1);
    assert_true(site_conf.soft_bounce);
    assert_int_equal(site_conf.message_size_limit, 8589934592);
    assert_int_equal(site_conf.delay_warning_time, 7200);
    assert_str(local_conf.luser_relay, "$user@x");
    assert_int_equal(smtpd_conf.mynetworks.ptr[smtpd_conf.mynetworks.len], 0);
    conf_close(c);
}

static int to_parent;

static NORETURN void tell_parent(void)
{
    _exit(write(to_parent, last_line, sizeof last_line) == sizeof last_line ? 1 : 2);
}

/* Fill a set in a process of its own, which ends there; what it logged last comes back in `told`. */
static void last_words_of_filling(const char *main_cf, char *told)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        to_parent = ends[1];
        log_set_fatal_handler(tell_parent);
        conf_fill_site(conf_of(main_cf));
        _exit(0);
    }
    close(ends[1]);
    memset(told, 0, sizeof last_line);
    assert_int_equal(read(ends[0], told, sizeof last_line), sizeof last_line);
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* The directory has another name each time. */
static void hide_directory(char *text)
{
    char *at = strstr(text, "/tmp/conf_test.");

    if (at == NULL)
        return;
    char *end = at + strlen("/tmp/conf_test.XXXXXX");
    memcpy(at, "DIR", 3);
    memmove(at + 3, end, strlen(end) + 1);
}

static void bad_values_are_fatal_with_the_customary_texts(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "line_length_limit = x\n", "fatal: bad numerical configuration: line_length_limit = x" },
        { "line_length_limit = 99999999999\n",
          "fatal: bad numerical configuration: line_length_limit = 99999999999" },
        { "line_length_limit = 5\n", "fatal: invalid line_length_limit parameter value 5 < 512" },
        { "qmgr_fudge_factor = 500\n",
          "fatal: invalid qmgr_fudge_factor parameter value 500 > 100" },
        { "soft_bounce = x\n", "fatal: bad boolean configuration: soft_bounce = x" },
        { "ipc_idle = 5x\n", "fatal: parameter ipc_idle: bad time value or unit: 5x" },
        { "ipc_idle = 0\n", "fatal: invalid ipc_idle: 0 (min 1)" },
        { "in_flow_delay = 11\n", "fatal: invalid in_flow_delay: 11 (max 10)" },
        { "mail_name =\n", "fatal: bad string length 0 < 1: mail_name = " },
        { "relayhost = $(\n", "fatal: dictionary mail_dict: macro processing error" },
        { "relayhost = $a\na = ${b}\nb = $a\n",
          "fatal: dictionary mail_dict: macro processing error" },
        { "myhostname =\n", "fatal: bad string length 0 < 1: myhostname = " },
        { "myhostname = -a\n",
          "fatal: file DIR/main.cf: parameter myhostname: bad parameter value: -a" },
        { "myhostname = x\nmydomain = a b\n",
          "fatal: file DIR/main.cf: parameter mydomain: bad parameter value: a b" },
        { "myorigin = a, b\n",
          "fatal: myorigin parameter setting must not contain multiple values: a, b" },
        { "myorigin = /nonexistent\n",
          "fatal: /nonexistent: cannot open file: No such file or directory" },
        { "inet_protocols = ipv5\n", "fatal: unknown inet_protocols value \"ipv5\" in \"ipv5\"" },
        { "compatibility_level = new\n", "fatal: malformed compatibility level syntax: \"new\"" },
        { "syslog_facility = x\n",
          "fatal: file DIR/main.cf: parameter syslog_facility: unrecognized value: x" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char told[sizeof last_line];
        last_words_of_filling(cases[i].text, told);
        hide_directory(told);
        assert_string_equal(told, cases[i].message);
    }
}

static void circles_are_told_with_all_who_take_part(void **state)
{
    static const struct {
        const char *text, *asked, *error;
    } cases[] = {
        { "a = $a\n", "a", "unreasonable macro call nesting: \"a\" (used by a)" },
        { "a = x${a}x\nb = $a\n", "b", "unreasonable macro call nesting: \"a\" (used by a)" },
        { "a = $b\nb = $a\n", "a",
          "unreasonable macro call nesting: \"a\" (used by b, which is used by a)" },
        { "a = $b\nb = $c\nc = ${d?$b}\nd = 1\n", "a",
          "unreasonable macro call nesting: \"b\" (used by c, which is used by b)" },
        { "a = ${x:{$a}}\n", "a", "unreasonable macro call nesting: \"a\" (used by a)" },
        { "a = ${{$a} == {1} ? {b}}\n", "a", "unreasonable macro call nesting: \"a\" (used by a)" },
        { "a = ${domain_to_ascii{$a}}\n", "a",
          "unreasonable macro call nesting: \"a\" (used by a)" },
        { "myhostname = $mydomain\nmydomain = $myhostname\n", "mydomain",
          "unreasonable macro call nesting: \"mydomain\" (used by myhostname, which is used by "
          "mydomain)" },
        { "myhostname = $mydomain\n", "mydestination",
          "unreasonable macro call nesting: \"myhostname\" (used by mydomain, which is used by "
          "myhostname)" },
        { "mynetworks_style = $mynetworks\n", "mynetworks",
          "unreasonable macro call nesting: \"mynetworks\" (used by mynetworks_style, which is "
          "used "
          "by mynetworks)" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conf *c = conf_of(cases[i].text);
        BUF_AUTO(error, 0);
        struct str value;
        for (int again = 0; again < 2; again++) { /* nothing half made is remembered */
            assert_false(conf_try_value(c, str_from(cases[i].asked), &value, &error));
            assert_string_equal(buf_cstr(&error), cases[i].error);
        }
        conf_close(c);
    }
}

static void a_long_circle_is_told_in_part(void **state)
{
    BUF_AUTO(text, 0);
    BUF_AUTO(error, 0);
    struct str value;

    (void)state;
    for (int i = 0; i < 40; i++)
        buf_addf(&text, "v%d = $v%d\n", i, (i + 1) % 40);
    struct conf *c = conf_of(buf_cstr(&text));
    assert_false(conf_try_value(c, STR("v0"), &value, &error));
    assert_true(str_ends(buf_str(&error), STR("which is used by others)")));
    assert_true(error.len < 400);
    conf_close(c);
}

static void a_question_about_itself_is_no_circle(void **state)
{
    struct conf *c = conf_of("a = ${a?x}\nb = ${b:y}z\n");

    (void)state;
    assert_str(conf_value(c, STR("a")), "x");
    assert_str(conf_value(c, STR("b")), "z");
    conf_close(c);
}

/* Names or braces, each within the one before. */
static void deep_nesting_is_an_error_that_needs_no_stack(void **state)
{
    BUF_AUTO(names, 0);
    BUF_AUTO(braces, 0);
    BUF_AUTO(error, 0);
    struct str value;

    (void)state;
    for (int i = 0; i < 50000; i++)
        buf_addf(&names, "v%d = $v%d\n", i, i + 1);
    struct conf *c = conf_of(buf_cstr(&names));
    assert_false(conf_try_value(c, STR("v0"), &value, &error));
    assert_non_null(strstr(buf_cstr(&error), "unreasonable macro call nesting"));
    assert_true(conf_try_value(c, STR("v49990"), &value, &error));
    conf_close(c);
    buf_add_cstr(&braces, "a = ");
    for (int i = 0; i < 50000; i++)
        buf_add_cstr(&braces, "${x:{");
    for (int i = 0; i < 50000; i++)
        buf_add_cstr(&braces, "}}");
    c = conf_of(buf_cstr(&braces));
    buf_clear(&error);
    assert_false(conf_try_value(c, STR("a"), &value, &error));
    conf_close(c);
}

static void doubling_values_end_in_an_error(void **state)
{
    BUF_AUTO(text, 0);
    BUF_AUTO(error, 0);
    ARENA_AUTO(arena);
    struct str value;

    (void)state;
    buf_add_cstr(&text, "v0 = xxxxxxxxxxxxxxxx\n");
    for (int i = 1; i < 60; i++)
        buf_addf(&text, "v%d = $v%d$v%d\n", i, i - 1, i - 1);
    struct conf *c = conf_of(buf_cstr(&text));
    assert_false(conf_try_expand(c, STR("$v59"), &arena, &value, &error));
    assert_true(conf_try_expand(c, STR("$v3"), &arena, &value, &error));
    assert_int_equal(value.len, 128);
    conf_close(c);
}

static void service_values_fall_back(void **state)
{
    struct conf *c =
        conf_of("slow_destination_rate_delay = 2m\ndefault_destination_recipient_limit = 7\n");

    (void)state;
    assert_int_equal(conf_service_time(c, STR("slow"), "_destination_rate_delay",
                                       "default_destination_rate_delay"),
                     120);
    assert_int_equal(conf_service_int(c, STR("slow"), "_destination_recipient_limit",
                                      "default_destination_recipient_limit"),
                     7);
    /* local has a default of its own */
    assert_int_equal(conf_service_int(c, STR("local"), "_destination_recipient_limit",
                                      "default_destination_recipient_limit"),
                     1);
    conf_close(c);
}

static void lmtp_reads_its_own_names(void **state)
{
    struct conf *c = conf_of("smtp_helo_timeout = 1s\nlmtp_connect_timeout = 9s\n"
                             "lmtp_lhlo_timeout = 7s\nlmtp_discard_lhlo_keywords = dsn\n");
    struct smtp_params params;

    (void)state;
    conf_fill_lmtp(c, &smtp_param_set, &params);
    assert_int_equal(params.smtp_connect_timeout, 9);
    assert_int_equal(params.smtp_helo_timeout, 7);
    assert_true(str_equal(params.smtp_discard_ehlo_keywords, STR("dsn")));
    conf_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_continue_and_comments_do_not_count),
        cmocka_unit_test(bad_lines_are_reported_with_file_and_number),
        cmocka_unit_test(the_last_of_two_entries_wins_with_a_warning),
        cmocka_unit_test(the_same_line_twice_is_no_news),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(overrides_win_and_forks_do_not_see_them),
        cmocka_unit_test(an_origin_that_is_a_path_is_the_first_line_of_that_file),
        cmocka_unit_test(postconf_shows_the_path_of_the_origin),
        cmocka_unit_test(an_origin_by_reference_or_option_may_be_a_file),
        cmocka_unit_test(an_origin_file_without_an_origin_is_refused),
        cmocka_unit_test(host_names_complete_each_other),
        cmocka_unit_test(defaults_follow_the_compatibility_level),
        cmocka_unit_test(structs_are_filled_with_the_right_types),
        cmocka_unit_test(circles_are_told_with_all_who_take_part),
        cmocka_unit_test(a_long_circle_is_told_in_part),
        cmocka_unit_test(a_question_about_itself_is_no_circle),
        cmocka_unit_test(deep_nesting_is_an_error_that_needs_no_stack),
        cmocka_unit_test(doubling_values_end_in_an_error),
        cmocka_unit_test(service_values_fall_back),
        cmocka_unit_test(lmtp_reads_its_own_names),
        cmocka_unit_test(bad_values_are_fatal_with_the_customary_texts),
    };

    log_set_sink(remember);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
