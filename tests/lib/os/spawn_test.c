#include "os/spawn.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static const char *const environment[] = { "PATH=/usr/bin:/bin", "COLOUR=blue", NULL };

static struct spawn_request shell(const char *command)
{
    return (struct spawn_request){ .shell_command = command,
                                   .envp = environment,
                                   .uid = geteuid(),
                                   .gid = getegid(),
                                   .stdin_fd = -1,
                                   .time_limit_s = 30 };
}

struct spawn_case {
    const char *command;
    enum spawn_result result;
    int status;
    const char *output;
};

static void results_are_told_apart(void **state)
{
    static const struct spawn_case cases[] = {
        { "exit 0", SPAWN_EXITED, 0, "" },
        { "echo out; echo err >&2; exit 75", SPAWN_EXITED, 75, "out\nerr\n" },
        { "kill -9 $$", SPAWN_SIGNALED, SIGKILL, "" },
        { "exec >&- 2>&-; sleep 0.1; exit 3", SPAWN_EXITED, 3, "" },
        { "echo $COLOUR $HOME", SPAWN_EXITED, 0, "blue\n" },
        { "cat", SPAWN_EXITED, 0, "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct spawn_request r = shell(cases[i].command);
        int status = -1;
        BUF_AUTO(output, 1024);
        assert_int_equal(spawn_run(&r, &status, &output), cases[i].result);
        assert_int_equal(status, cases[i].status);
        assert_string_equal(buf_cstr(&output), cases[i].output);
    }
}

static void a_command_that_does_not_exist_fails_with_its_reason(void **state)
{
    static const char *const argv[] = { "no-such-command-here", NULL };
    struct spawn_request r = shell(NULL);
    int status;

    (void)state;
    r.argv = argv;
    assert_int_equal(spawn_run(&r, &status, NULL), SPAWN_FAILED);
    assert_int_equal(errno, ENOENT);
}

static void more_output_than_wanted_does_not_block_the_command(void **state)
{
    struct spawn_request r = shell("yes | head -c 300000");
    int status = -1;
    BUF_AUTO(output, 100);

    (void)state;
    assert_int_equal(spawn_run(&r, &status, &output), SPAWN_EXITED);
    assert_int_equal(status, 0);
    assert_int_equal(output.len, 100);
    assert_true(output.full);
}

static void the_time_limit_ends_the_command_and_its_children(void **state)
{
    struct spawn_request r = shell("sleep 600 & sleep 600");
    int status = -1;
    BUF_AUTO(output, 100);

    (void)state;
    r.time_limit_s = 1;
    assert_int_equal(spawn_run(&r, &status, &output), SPAWN_TIMEOUT);
    assert_int_equal(status, SIGKILL);
}

static void stdin_is_what_the_caller_gives(void **state)
{
    struct spawn_request r = shell("tr a-z A-Z");
    int status = -1, ends[2];
    BUF_AUTO(output, 100);

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "text", 4), 4);
    close(ends[1]);
    r.stdin_fd = ends[0];
    assert_int_equal(spawn_run(&r, &status, &output), SPAWN_EXITED);
    close(ends[0]);
    assert_string_equal(buf_cstr(&output), "TEXT");
}

static void no_other_descriptor_reaches_the_command(void **state)
{
    struct spawn_request r = shell("ls /proc/self/fd | wc -l"); /* 0-2 and that of ls itself */
    int status = -1, leak = open("/dev/null", O_RDONLY);
    BUF_AUTO(output, 100);

    (void)state;
    assert_int_equal(spawn_run(&r, &status, &output), SPAWN_EXITED);
    close(leak);
    assert_string_equal(buf_cstr(&output), "4\n");
}

static void a_place_that_cannot_be_entered_is_told_apart(void **state)
{
    const char *const argv[] = { "true", NULL };
    struct spawn_request r = {
        .argv = argv, .uid = getuid(), .gid = getgid(), .stdin_fd = -1, .time_limit_s = 60
    };
    int status = 0;

    (void)state;
    r.directory = "/nonexistent";
    assert_int_equal(spawn_run(&r, &status, NULL), SPAWN_NO_DIRECTORY);
    assert_int_equal(errno, ENOENT);
    r.chroot = "/nonexistent";
    assert_int_equal(spawn_run(&r, &status, NULL), SPAWN_NO_ROOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_that_cannot_be_entered_is_told_apart),
        cmocka_unit_test(results_are_told_apart),
        cmocka_unit_test(a_command_that_does_not_exist_fails_with_its_reason),
        cmocka_unit_test(more_output_than_wanted_does_not_block_the_command),
        cmocka_unit_test(the_time_limit_ends_the_command_and_its_children),
        cmocka_unit_test(stdin_is_what_the_caller_gives),
        cmocka_unit_test(no_other_descriptor_reaches_the_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
