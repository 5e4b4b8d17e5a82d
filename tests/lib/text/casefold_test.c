
#include "text/casefold.h"
#include "unit.h"

static void text_folds_as_unicode_says(void **state UNUSED)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "", "" },
        { "ABCxyz09@[", "abcxyz09@[" },
        { "\303\204\303\226", "\303\244\303\266" }, /* Ä Ö */
        { "Stra\303\237e", "strasse" },             /* ß */
        { "\316\243\317\202", "\317\203\317\203" }, /* Σ ς */
        { "\304\260", "i\314\207" },                /* İ */
        { "\320\226", "\320\266" },                 /* Ж */
        { "\342\204\252", "k" },                    /* Kelvin sign */
        { "\357\254\203", "ffi" },                  /* ligature */
        { "\360\220\220\200", "\360\220\220\250" }, /* Deseret, four bytes */
        { "\344\270\255", "\344\270\255" },         /* has no case */
        { "A\377B\303", "a\377b\303" },             /* not UTF-8: kept */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        casefold_utf8(str_from(cases[i].text), &out);
        assert_string_equal(buf_cstr(&out), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(text_folds_as_unicode_says) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
