#include "os/fd.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_of(size_t size)
{
    int fd = memfd_create("text", MFD_CLOEXEC);

    assert_true(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    return fd;
}

static void a_file_is_read_up_to_the_ceiling_and_not_beyond(void **state UNUSED)
{
    static const struct {
        size_t size, ceiling;
        bool fits;
    } cases[] = {
        { 0, 10, true },          { 9, 10, true },           { 10, 10, true },    { 11, 10, false },
        { 200000, 200000, true }, { 200001, 200000, false }, { 300000, 0, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        FD_AUTO(fd, file_of(cases[i].size));
        BUF_AUTO(text, cases[i].ceiling);
        assert_int_equal(fd_read_all(fd, &text), cases[i].fits);
        if (!cases[i].fits)
            assert_int_equal(errno, EFBIG);
        assert_int_equal(text.len, cases[i].fits ? cases[i].size : cases[i].ceiling);
    }
}

static void the_rest_of_a_file_begins_where_others_stopped(void **state UNUSED)
{
    FD_AUTO(fd, file_of(100));
    BUF_AUTO(text, 0);

    assert_int_equal(lseek(fd, 60, SEEK_SET), 60);
    assert_true(fd_read_all(fd, &text));
    assert_int_equal(text.len, 40);
}

static void a_descriptor_that_cannot_be_read_is_an_error(void **state UNUSED)
{
    FD_AUTO(fd, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    BUF_AUTO(text, 0);

    assert_false(fd_read_all(fd, &text));
    assert_int_equal(errno, EISDIR);
    assert_false(fd_read_file(AT_FDCWD, "/nonexistent/file", &text));
    assert_int_equal(errno, ENOENT);
}

static void a_named_pipe_does_not_keep_its_reader_waiting(void **state UNUSED)
{
    char path[] = "/tmp/fd_test.XXXXXX";
    BUF_AUTO(text, 0);

    assert_non_null(mkdtemp(path));
    BUF_AUTO(pipe_path, 0);
    buf_join(&pipe_path, str_from(path), STR("/pipe"));
    assert_int_equal(mkfifo(buf_cstr(&pipe_path), 0600), 0);
    assert_false(fd_read_plain_file(buf_cstr(&pipe_path), &text));
    assert_int_equal(errno, EINVAL);
    assert_int_equal(unlink(buf_cstr(&pipe_path)), 0);
    assert_int_equal(rmdir(path), 0);
}

static char *below(const char *dir, const char *name)
{
    static char paths[4][100];
    static int next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

/* The error of opening it, 0: it is open. */
static int log_error_of(const char *path, int flags)
{
    int fd = fd_open_log(path, flags);
    int error = fd < 0 ? errno : 0;

    if (fd >= 0)
        close(fd);
    return error;
}

static void a_log_is_not_written_where_somebody_else_leads(void **state UNUSED)
{
    char dir[] = "/tmp/fd_test.XXXXXX";
    struct stat st;

    assert_non_null(mkdtemp(dir));
    assert_int_equal(log_error_of(below(dir, "log"), 0), ENOENT);
    assert_int_equal(log_error_of(below(dir, "log"), O_CREAT | O_EXCL), 0);
    assert_int_equal(log_error_of(below(dir, "log"), O_CREAT | O_EXCL), EEXIST);
    assert_int_equal(stat(below(dir, "log"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(symlink("log", below(dir, "ours")), 0);
    assert_int_equal(link(below(dir, "log"), below(dir, "second")), 0);
    assert_int_equal(log_error_of(below(dir, "ours"), 0), 0);
    assert_int_equal(log_error_of(below(dir, "second"), 0), 0);
    if (geteuid() == 0) {
        assert_int_equal(lchown(below(dir, "ours"), 4711, 4711), 0);
        assert_int_equal(log_error_of(below(dir, "ours"), O_CREAT), ELOOP);
        assert_int_equal(lchown(below(dir, "ours"), 0, 0), 0);
        assert_int_equal(chown(dir, 4711, 4711), 0);
        assert_int_equal(log_error_of(below(dir, "ours"), O_CREAT), ELOOP);
        assert_int_equal(log_error_of(below(dir, "second"), O_CREAT), EMLINK);
        assert_int_equal(unlink(below(dir, "second")), 0);
        assert_int_equal(log_error_of(below(dir, "log"), 0), 0);
    } else {
        assert_int_equal(unlink(below(dir, "second")), 0);
    }
    assert_int_equal(unlink(below(dir, "ours")), 0);
    assert_int_equal(unlink(below(dir, "log")), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_is_not_written_where_somebody_else_leads),
        cmocka_unit_test(a_file_is_read_up_to_the_ceiling_and_not_beyond),
        cmocka_unit_test(the_rest_of_a_file_begins_where_others_stopped),
        cmocka_unit_test(a_descriptor_that_cannot_be_read_is_an_error),
        cmocka_unit_test(a_named_pipe_does_not_keep_its_reader_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
