#include "os/clone.h"
#include "unit.h"

#include <sys/wait.h>
#include <unistd.h>

static void note(void *context) { *(char *)context += 1; }

static void run_clone(const int *pipe_fds, pid_t grandparent)
{
    char told[3] = { (char)(getppid() == grandparent), 'a', 'a' };

    clone_renews(note, &told[1]);
    clone_renews(note, &told[2]);
    clone_no_more(&told[2]);
    clone_renew();
    (void)!write(pipe_fds[1], told, sizeof told);
    _exit(7);
}

/* The clone of a child is our child: we wait for it, and it knows us. */
static void test_a_clone_is_a_child_of_our_parent(void **state)
{
    pid_t self = getpid();
    int pipe_fds[2], raw;
    char told[3];

    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t template = fork();
    if (template == 0) {
        if (clone_sibling() == 0)
            run_clone(pipe_fds, self);
        _exit(0);
    }
    assert_int_equal(waitpid(template, &raw, 0), template);
    assert_true(waitpid(-1, &raw, 0) > 0);
    assert_int_equal(WEXITSTATUS(raw), 7);
    assert_int_equal(read(pipe_fds[0], told, sizeof told), sizeof told);
    assert_memory_equal(told, "\1ba", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_a_clone_is_a_child_of_our_parent) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
