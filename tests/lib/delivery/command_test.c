#include "delivery/command.h"
#include "helpers.h"
#include "helpers.inc"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void exit_codes_say_what_happened(void **state)
{
    static const struct {
        enum spawn_result result;
        int status;
        const char *output;
        enum outcome_status outcome;
        const char *dsn, *text;
    } cases[] = {
        { SPAWN_EXITED, 0, "said", OUTCOME_SENT, "2.0.0", "" },
        { SPAWN_EXITED, 0, "4.2.1 said", OUTCOME_SENT, "2.0.0", "" },
        { SPAWN_EXITED, 64, "", OUTCOME_BOUNCED, "5.3.0", "command line usage error" },
        { SPAWN_EXITED, 67, "no such thing ", OUTCOME_BOUNCED, "5.1.1",
          "user unknown. Command output: no such thing " },
        { SPAWN_EXITED, 71, "", OUTCOME_DEFERRED, "4.3.0", "system resource problem" },
        { SPAWN_EXITED, 75, "", OUTCOME_DEFERRED, "4.3.0", "temporary failure" },
        { SPAWN_EXITED, 77, "", OUTCOME_BOUNCED, "5.7.0", "permission denied" },
        { SPAWN_EXITED, 78, "", OUTCOME_BOUNCED, "5.3.5", "local configuration error" },
        { SPAWN_EXITED, 67, "4.2.1 busy", OUTCOME_DEFERRED, "4.2.1", "busy" },
        { SPAWN_EXITED, 75, "5.7.9 go away", OUTCOME_BOUNCED, "5.7.9", "go away" },
        { SPAWN_EXITED, 75, "2.0.0 fine", OUTCOME_DEFERRED, "4.3.0",
          "temporary failure. Command output: 2.0.0 fine" },
        { SPAWN_EXITED, 1, "", OUTCOME_BOUNCED, "5.3.0", "Command died with status 1: \"cmd\"" },
        { SPAWN_EXITED, 1, "x", OUTCOME_BOUNCED, "5.3.0",
          "Command died with status 1: \"cmd\". Command output: x" },
        { SPAWN_SIGNALED, 9, "", OUTCOME_DEFERRED, "4.3.0", "Command died with signal 9: \"cmd\"" },
        { SPAWN_TIMEOUT, 9, "", OUTCOME_BOUNCED, "5.3.0", "Command time limit exceeded: \"cmd\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ARENA_AUTO(a);
        struct command_end end = { cases[i].result, cases[i].status, str_from(cases[i].output) };
        struct outcome o;
        command_outcome(&o, &a, &end, "cmd");
        assert_str(o.text, cases[i].text);
        assert_int_equal(o.status, cases[i].outcome);
        assert_string_equal(o.dsn, cases[i].dsn);
    }
}

/* The report is written when the command's output is gone. */
static void what_is_said_outlives_the_output(void **state)
{
    static const struct {
        enum spawn_result result;
        const char *output, *text, *diagnostic;
    } cases[] = {
        { SPAWN_EXITED, "5.7.7 in own words", "in own words", "in own words" },
        { SPAWN_EXITED, "own words", "service unavailable. Command output: own words",
          "own words" },
        { SPAWN_EXITED, "", "service unavailable", "service unavailable" },
        { SPAWN_TIMEOUT, "", "Command time limit exceeded: \"cmd\"", "internal software error" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ARENA_AUTO(a);
        char output[64];
        struct outcome o;
        (void)snprintf(output, sizeof output, "%s", cases[i].output);
        struct command_end end = { cases[i].result, 69, str_from(output) };
        command_outcome(&o, &a, &end, "cmd");
        memset(output, '?', sizeof output);
        assert_str(o.text, cases[i].text);
        assert_str(o.diag_text, cases[i].diagnostic);
    }
}

static void only_plain_words_run_without_a_shell(void **state)
{
    static const struct {
        const char *text;
        bool shell;
    } cases[] = {
        { "/usr/bin/procmail -t -a x", false },
        { "cmd a=b", false },
        { "A=b cmd", true },
        { "cmd | other", true },
        { "cmd \"a b\"", true },
        { "cmd $HOME", true },
        { "cmd; other", true },
        { "cmd > file", true },
        { "cmd *", true },
        { "~/x", true },
        { "", true },
        { "cmd `x`", true },
        { "cmd #x", true },
        { "cmd a\nb", true },
        { "cmd\ta", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(command_needs_shell(str_from(cases[i].text)), cases[i].shell);
}

static void a_command_reads_the_message_and_its_words_come_back(void **state)
{
    ARENA_AUTO(a);
    BUF_AUTO(records, 0);
    BUF_AUTO(output, COMMAND_OUTPUT_MAX);
    struct command_env env;
    struct delivery d;
    struct outcome o;

    (void)state;
    put_lines(&records, "Subject: x\n\nbody\n");
    record_put(&records, REC_EXTRACTED, STR_NONE);
    message_open(&d, buf_str(&records));
    command_env_init(&env, &a);
    command_env_add_exported(&env);
    command_env_add(&env, "WHO", STR("somebody"));
    struct command c = { .agent = "local",
                         .text = "tr '\\n' '/'; echo; echo $WHO",
                         .env = &env,
                         .uid = geteuid(),
                         .gid = getegid(),
                         .time_limit_s = 60 };
    struct copy_plan plan = { 0 };
    command_deliver(&d, &c, &plan, &o, &output);
    assert_int_equal(o.status, OUTCOME_SENT);
    assert_str(buf_str(&output), "Subject: x//body/ somebody ");
    buf_clear(&output);
    c.text = "/no/such/program -x";
    command_deliver(&d, &c, &plan, &o, &output);
    assert_int_equal(o.status, OUTCOME_DEFERRED);
    assert_str(o.text, "temporary failure. Command output: local: fatal: execvp /no/such/program: "
                       "No such file or directory ");
    message_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes_say_what_happened),
        cmocka_unit_test(what_is_said_outlives_the_output),
        cmocka_unit_test(only_plain_words_run_without_a_shell),
        cmocka_unit_test(a_command_reads_the_message_and_its_words_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
