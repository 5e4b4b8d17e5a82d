#include "service/private.h"
#include "unit.h"

#include <stdlib.h>

/* In the scope of the caller: what was parsed borrows from the words. */
#define PARSE(o, ...)                      \
    char *words[] = { __VA_ARGS__, NULL }; \
    service_options_parse(&(o), (int)ARRAY_LEN(words) - 1, words)

static char *w(const char *text) { return (char *)(uintptr_t)text; }

static void the_command_line_of_master_is_understood(void **state)
{
    struct service_options o;
    (void)state;

    PARSE(o, w("/usr/lib/postfix/sbin/bounce"), w("-z"), w("-n"), w("defer"), w("-t"), w("unix"),
          w("-v"), w("-v"), w("-u"), w("-c"), w("-s"), w("2"), w("-o"), w("a=b"), w("-o"),
          w("{ c = d e }"), w("-o"), w("f ="), w("flags=R"), w("-x"));
    assert_string_equal(o.program, "bounce");
    assert_string_equal(o.name, "defer");
    assert_string_equal(o.transport, "unix");
    assert_true(o.unlimited && o.unprivileged && o.chroot && !o.single && !o.standalone);
    assert_int_equal(o.verbose, 2);
    assert_int_equal(o.sockets, 2);
    assert_int_equal(o.override_count, 3);
    assert_true(str_equal(o.overrides[1].name, STR("c")) &&
                str_equal(o.overrides[1].value, STR("d e")));
    assert_true(str_equal(o.overrides[2].name, STR("f")) && o.overrides[2].value.len == 0);
    assert_int_equal(o.argc, 2);
    assert_string_equal(o.argv[1], "-x");
    free(o.overrides);
}

static void the_name_defaults_to_that_of_the_program(void **state)
{
    struct service_options o;
    (void)state;

    PARSE(o, w("qmgr"), w("-l"));
    assert_string_equal(o.name, "qmgr");
    assert_true(o.single);
    assert_int_equal(o.sockets, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_command_line_of_master_is_understood),
        cmocka_unit_test(the_name_defaults_to_that_of_the_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
