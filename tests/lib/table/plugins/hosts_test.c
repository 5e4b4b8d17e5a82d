#include "table/plugins/hosts.h"
#include "unit.h"

static void a_host_is_a_socket_a_name_or_a_uri(void **state UNUSED)
{
    static const struct {
        const char *text;
        enum host_kind kind;
        const char *name, *port;
    } cases[] = {
        { "unix:/run/db.sock", HOST_UNIX, "/run/db.sock", NULL },
        { "/run/postgresql", HOST_UNIX, "/run/postgresql", NULL },
        { "inet:db.test:3307", HOST_INET, "db.test", "3307" },
        { "db.test:sql", HOST_INET, "db.test", "sql" },
        { "localhost", HOST_INET, "localhost", NULL },
        { "[2001:db8::1]:3306", HOST_INET, "2001:db8::1", "3306" },
        { "[2001:db8::1]", HOST_INET, "2001:db8::1", NULL },
        { "2001:db8::1", HOST_INET, "2001:db8::1", NULL },
        { "postgresql://u@h/db", HOST_URI, "postgresql://u@h/db", NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ARENA_AUTO(arena);
        struct hosts h = { 0 };
        hosts_parse(&h, &arena, str_from(cases[i].text));
        assert_int_equal(h.count, 2);
        assert_int_equal(h.list[0].kind, cases[i].kind);
        assert_string_equal(h.list[0].name, cases[i].name);
        if (cases[i].port)
            assert_string_equal(h.list[0].port, cases[i].port);
        else
            assert_null(h.list[0].port);
    }
}

static void sockets_come_before_hosts_and_hosts_in_any_order(void **state UNUSED)
{
    ARENA_AUTO(arena);
    struct hosts h = { .retry_s = 60, .idle_s = 60 };

    hosts_parse(&h, &arena, STR("one, two unix:/s postgresql://x"));
    assert_int_equal(h.count, 4);
    assert_ptr_equal(hosts_choose(&h, 100, 1), &h.list[2]);
    hosts_note_failure(&h, &h.list[2], 100);
    assert_ptr_equal(hosts_choose(&h, 100, 0), &h.list[0]);
    assert_ptr_equal(hosts_choose(&h, 100, 1), &h.list[1]);
    hosts_note_failure(&h, &h.list[0], 100);
    hosts_note_failure(&h, &h.list[1], 100);
    assert_ptr_equal(hosts_choose(&h, 100, 1), &h.list[3]);
}

static void who_is_connected_is_asked_first(void **state UNUSED)
{
    ARENA_AUTO(arena);
    struct hosts h = { .retry_s = 60, .idle_s = 60 };
    int connection;

    hosts_parse(&h, &arena, STR("unix:/s one two"));
    h.list[2].connection = &connection;
    for (uint32_t i = 0; i < 5; i++)
        assert_ptr_equal(hosts_choose(&h, 100, i), &h.list[2]);
}

static void who_has_failed_is_left_alone_for_a_while(void **state UNUSED)
{
    ARENA_AUTO(arena);
    struct hosts h = { .retry_s = 60, .idle_s = 60 };

    hosts_parse(&h, &arena, STR("one"));
    for (int tries = 0; tries < 2; tries++) {
        struct host *one = hosts_choose(&h, 100, 0);
        assert_non_null(one);
        hosts_note_failure(&h, one, 100);
    }
    assert_null(hosts_choose(&h, 100, 0));
    assert_null(hosts_choose(&h, 159, 0));
    struct host *again = hosts_choose(&h, 160, 0);
    assert_non_null(again);
    hosts_note_use(again, 160);
    assert_ptr_equal(hosts_choose(&h, 160, 0), again);
}

static void a_connection_nobody_uses_is_idle(void **state UNUSED)
{
    ARENA_AUTO(arena);
    struct hosts h = { .retry_s = 60, .idle_s = 10 };
    int connection;

    hosts_parse(&h, &arena, STR("one two"));
    hosts_note_use(&h.list[0], 100);
    assert_false(hosts_is_idle(&h, &h.list[0], 200));
    h.list[0].connection = &connection;
    assert_false(hosts_is_idle(&h, &h.list[0], 110));
    assert_true(hosts_is_idle(&h, &h.list[0], 111));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_a_socket_a_name_or_a_uri),
        cmocka_unit_test(sockets_come_before_hosts_and_hosts_in_any_order),
        cmocka_unit_test(who_is_connected_is_asked_first),
        cmocka_unit_test(who_has_failed_is_left_alone_for_a_while),
        cmocka_unit_test(a_connection_nobody_uses_is_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
