#include "local/pipe/pipe.h"
#include "unit.h"

#include <stdlib.h>

static void assert_str(struct str got, const char *want)
{
    assert_true(str_equal(got, str_from(want)));
}

static char *args[16];
static size_t arg_count;

static struct pipe_settings parse(struct arena *a, const char *text)
{
    struct pipe_settings s;
    struct str rest = str_from(text), word;

    arg_count = 0;
    while (str_token(&rest, " ", &word))
        args[arg_count++] = arena_cstr(a, word);
    args[arg_count] = NULL;
    pipe_settings_parse(&s, a, args, (int)arg_count);
    return s;
}

static struct delivery request(struct delivery_rcpt *rcpts, size_t count)
{
    struct delivery d = { .recipients = rcpts, .count = count, .file_fd = -1 };

    d.request.sender = STR("s b@Far.test");
    d.request.nexthop = STR("NextHop");
    d.request.data_size = 278;
    return d;
}

static void assert_arguments(const char *const *got, const char *const *want)
{
    for (; *want; got++, want++)
        assert_string_equal(*got, *want);
    assert_null(*got);
}

static void attributes_are_understood(void **state)
{
    ARENA_AUTO(a);
    struct pipe_settings s = parse(&a, "flags=DRhu. user=nobody eol=\\r\\n size=1000 null_sender= "
                                       "directory=/tmp argv=/bin/x $user");

    (void)state;
    assert_int_equal(s.copy_flags, COPY_DELIVERED_TO | COPY_RETURN_PATH | COPY_DOT_STUFF);
    assert_int_equal(s.flags, PIPE_FOLD_DOMAIN | PIPE_FOLD_USER);
    assert_true(str_equal(s.eol, STR("\r\n")));
    assert_int_equal(s.size_limit, 1000);
    assert_string_equal(s.directory, "/tmp");
    assert_string_equal(s.argv[0], "/bin/x");
    assert_string_equal(s.argv[1], "$user");
}

static void arguments_are_folded_and_quoted_as_the_flags_ask(void **state)
{
    static const char *const want[] = { "/bin/x",
                                        "\"s b\"@Far.test",
                                        "\"user x+ext\"@pd.test",
                                        "user x",
                                        "user x+ext",
                                        "ext",
                                        "pd.test",
                                        "nexthop",
                                        "278",
                                        "n=",
                                        NULL };
    struct delivery_rcpt rcpts[] = { { .info = { .address = STR("User X+Ext@pD.test") } } };
    struct delivery d = request(rcpts, 1);
    ARENA_AUTO(a);

    (void)state;
    site_conf.recipient_delimiter = STR("+");
    struct pipe_settings s = parse(
        &a,
        "flags=qhu user=nobody argv=/bin/x ${sender} ${recipient} ${user} ${mailbox} ${extension} "
        "${domain} ${nexthop} ${size} n=${client_address}");
    assert_arguments(pipe_arguments(&s, &d), want);
    arena_free(&d.arena);
}

static void an_argument_that_names_the_recipient_is_there_for_each(void **state)
{
    static const char *const want[] = { "/bin/x",    "a@x.test",  "b@x.test",      "-",
                                        "a-NextHop", "b-NextHop", "MAILER-DAEMON", NULL };
    struct delivery_rcpt rcpts[] = { { .info = { .address = STR("a@x.test") } },
                                     { .info = { .address = STR("b@x.test") } } };
    struct delivery d = request(rcpts, 2);
    ARENA_AUTO(a);

    (void)state;
    d.request.sender = STR_NONE;
    struct pipe_settings s =
        parse(&a, "user=nobody argv=/bin/x $recipient - $user-$nexthop $sender");
    assert_arguments(pipe_arguments(&s, &d), want);
    arena_free(&d.arena);
}

static void null_sender_replaces_the_empty_sender_everywhere(void **state UNUSED)
{
    static const struct {
        const char *attributes, *argument, *sender;
    } rows[] = {
        { "", "MAILER-DAEMON", "MAILER-DAEMON" }, { "null_sender=", "", "" },
        { "null_sender=x,y", "x,y", "x,y" },      { "flags=q null_sender=x,y", "\"x,y\"", "x,y" },
        { "flags=q null_sender=", "", "" },
    };
    struct delivery_rcpt rcpts[] = { { .info = { .address = STR("a@x.test") } } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct delivery d = request(rcpts, 1);
        BUF_AUTO(text, 0);
        ARENA_AUTO(a);

        d.request.sender = STR_NONE;
        buf_join(&text, str_from(rows[i].attributes), STR(" user=nobody argv=/bin/x ${sender}"));
        struct pipe_settings s = parse(&a, buf_cstr(&text));
        assert_string_equal(pipe_arguments(&s, &d)[1], rows[i].argument);
        assert_str(pipe_sender(&s, &d), rows[i].sender);
        d.request.sender = STR("s@x.test");
        assert_str(pipe_sender(&s, &d), "s@x.test");
        arena_free(&d.arena);
    }
}

static void an_unknown_macro_is_refused(void **state)
{
    struct delivery_rcpt rcpts[] = { { .info = { .address = STR("a@x.test") } } };
    struct delivery d = request(rcpts, 1);
    ARENA_AUTO(a);

    (void)state;
    struct pipe_settings s = parse(&a, "user=nobody argv=/bin/x $nosuch");
    assert_null(pipe_arguments(&s, &d));
    arena_free(&d.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_are_understood),
        cmocka_unit_test(arguments_are_folded_and_quoted_as_the_flags_ask),
        cmocka_unit_test(an_argument_that_names_the_recipient_is_there_for_each),
        cmocka_unit_test(null_sender_replaces_the_empty_sender_everywhere),
        cmocka_unit_test(an_unknown_macro_is_refused),
    };

    /* The group of the mail system must exist for user= to be checked. */
    site_conf.mail_owner = STR("daemon");
    site_conf.setgid_group = STR("daemon");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
