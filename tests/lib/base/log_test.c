#include "base/log.h"
#include "base/utf8.h"
#include "unit.h"

static char shown[256];

static void keep(enum log_level level, struct str text)
{
    (void)level;
    (void)snprintf(shown, sizeof shown, STR_FMT, STR_ARG(text));
}

static void only_readable_text_gets_into_the_log(void **state UNUSED)
{
    static const struct {
        const char *text, *utf8, *ascii;
    } cases[] = {
        { "plain", "plain", "plain" },
        { "a\tb\nc\x7f", "a?b?c?", "a?b?c?" },
        { "caf\xc3\xa9!", "caf\xc3\xa9!", "caf??!" },
        { "caf\xe9", "caf?", "caf?" },
        { "\xc3(\xf0\x9f\x98\x80\xf0\x9f", "?(\xf0\x9f\x98\x80??", "?(??????" },
    };

    log_set_sink(keep);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        utf8_set_printable(true);
        log_info("%s", cases[i].text);
        assert_string_equal(shown, cases[i].utf8);
        utf8_set_printable(false);
        log_info("%s", cases[i].text);
        assert_string_equal(shown, cases[i].ascii);
    }
    utf8_set_printable(true);
    log_set_sink(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_readable_text_gets_into_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
