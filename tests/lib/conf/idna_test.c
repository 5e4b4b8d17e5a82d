#include "conf/idna.h"
#include "unit.h"

static void names_become_ascii(void **state UNUSED)
{
    static const struct {
        const char *name, *ascii, *transitional;
    } cases[] = {
        { "b\u00fccher.test", "xn--bcher-kva.test", "xn--bcher-kva.test" },
        { "B\u00dcCHER.Test", "xn--bcher-kva.test", "xn--bcher-kva.test" },
        { "bu\u0308cher.test", "xn--bcher-kva.test", "xn--bcher-kva.test" }, /* decomposed */
        { "stra\u00dfe.test", "xn--strae-oqa.test", "strasse.test" },
        { "\u4f8b\u3048\u3002jp", "xn--r8jz45g.jp", "xn--r8jz45g.jp" }, /* ideographic full stop */
        { "\u2603.test", "xn--n3h.test", "xn--n3h.test" },              /* a symbol */
        { "a_b.\u00fc", "a_b.xn--tda", "a_b.xn--tda" },
        { "xn--bcher-kva.test", "xn--bcher-kva.test", "xn--bcher-kva.test" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(now, 0);
        BUF_AUTO(once, 0);
        assert_true(idna_to_ascii(str_from(cases[i].name), false, &now));
        assert_string_equal(buf_cstr(&now), cases[i].ascii);
        assert_true(idna_to_ascii(str_from(cases[i].name), true, &once));
        assert_string_equal(buf_cstr(&once), cases[i].transitional);
    }
}

static void what_is_no_name_is_refused(void **state UNUSED)
{
    BUF_AUTO(out, 0);
    BUF_AUTO(lengthy, 0);

    assert_false(idna_to_ascii(STR("\xff.test"), false, &out));
    assert_false(idna_to_ascii(STR("-\u00e9.test"), false, &out));
    assert_false(idna_to_ascii(STR("\u00e9\0.test"), false, &out));
    for (int i = 0; i < 80; i++)
        buf_add_cstr(&lengthy, "\u00e9");
    assert_false(idna_to_ascii(buf_str(&lengthy), false, &out));
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_ascii),
        cmocka_unit_test(what_is_no_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
