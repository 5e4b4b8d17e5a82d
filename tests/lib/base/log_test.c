#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

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
        { "caf\xc3\xa9!", "caf\xc3\xa9!", "caf?\?!" },
        { "caf\xe9", "caf?", "caf?" },
        { "\xc3(\xf0\x9f\x98\x80\xf0\x9f", "?(\xf0\x9f\x98\x80??", "?(?\?????" },
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

static void ask_for_too_much(void)
{
    volatile size_t size = PTRDIFF_MAX; /* so that no compiler warns of it */

    (void)mem_alloc(size);
}

static void keep_and_ask_for_more(enum log_level level, struct str text)
{
    keep(level, text);
    ask_for_too_much();
}

NORETURN static void end_of_child(void)
{
    _exit(strcmp(shown, "fatal: out of memory") == 0 ? 7 : 1);
}

/* How a process ends that asks for more memory than there is. */
static int status_after_exhaustion(log_sink_fn *sink)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        log_set_sink(sink);
        log_set_fatal_handler(end_of_child);
        ask_for_too_much();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void exhausted_memory_is_told_of_once(void **state UNUSED)
{
    int told = status_after_exhaustion(keep);
    int without_memory_to_tell = status_after_exhaustion(keep_and_ask_for_more);

    assert_true(WIFEXITED(told) && WEXITSTATUS(told) == 7);
    assert_true(WIFSIGNALED(without_memory_to_tell) && WTERMSIG(without_memory_to_tell) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_readable_text_gets_into_the_log),
        cmocka_unit_test(exhausted_memory_is_told_of_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
