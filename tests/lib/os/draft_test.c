#include "os/draft.h"
#include "os/fd.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[] = "/tmp/draft_test.XXXXXX";

static int set_up(void **state UNUSED) { return mkdtemp(scratch) && chdir(scratch) == 0 ? 0 : -1; }
static int tear_down(void **state UNUSED)
{
    const char *const names[] = { "file", "target", "moved" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        (void)unlink(names[i]);
    return rmdir(scratch);
}

static void put(const char *name, const char *text)
{
    FD_AUTO(fd, open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));

    assert_true(fd_write_all(fd, str_from(text)));
}

static void assert_text(const char *name, const char *text)
{
    BUF_AUTO(found, 100);

    assert_true(fd_read_file(AT_FDCWD, name, &found));
    assert_string_equal(buf_cstr(&found), text);
}

static const struct draft_owner usual = { .mode = 0640 };

static void a_draft_takes_the_place_of_a_file_when_it_is_published(void **state UNUSED)
{
    struct draft d;
    struct stat st;
    char path[64];

    put("file", "old");
    (void)snprintf(path, sizeof path, "%s/file", scratch);
    assert_int_equal(draft_open(&d, path), 0);
    assert_true(fd_write_all(d.fd, STR("new")));
    assert_int_equal(fstat(d.fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_text("file", "old");
    assert_int_equal(draft_publish(&d, &usual), 0);
    draft_close(&d);
    assert_text("file", "new");
    assert_int_equal(stat("file", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void a_draft_that_is_given_up_leaves_nothing(void **state UNUSED)
{
    struct draft d;

    put("file", "old");
    assert_int_equal(draft_open(&d, "file"), 0);
    assert_int_equal(access(d.temporary.ptr, F_OK), 0);
    BUF_AUTO(name, 0);
    buf_add(&name, buf_str(&d.temporary));
    draft_close(&d);
    assert_int_equal(access(buf_cstr(&name), F_OK), -1);
    assert_text("file", "old");
}

/* Somebody who may rename in the directory puts something of his own into the draft's place. */
static void a_link_in_its_place_is_neither_written_nor_published(void **state UNUSED)
{
    struct draft d;
    struct stat before, after;

    put("file", "old");
    put("target", "precious");
    assert_int_equal(stat("target", &before), 0);
    assert_int_equal(draft_open(&d, "file"), 0);
    assert_int_equal(rename(buf_cstr(&d.temporary), "moved"), 0);
    assert_int_equal(symlink("target", buf_cstr(&d.temporary)), 0);
    FD_AUTO(again, open(fd_name(d.fd).text, O_WRONLY | O_CLOEXEC));
    assert_true(fd_write_all(again, STR("new")));
    assert_int_equal(draft_publish(&d, &usual), ESTALE);
    assert_int_equal(unlink(d.temporary.ptr), 0);
    draft_close(&d);
    assert_text("file", "old");
    assert_text("target", "precious");
    assert_text("moved", "new");
    assert_int_equal(stat("target", &after), 0);
    assert_int_equal(after.st_mode, before.st_mode);
}

static void a_link_that_is_there_already_is_not_followed(void **state UNUSED)
{
    struct draft d;
    BUF_AUTO(name, 0);

    put("target", "precious");
    buf_addf(&name, "file.%ld.tmp", (long)getpid());
    assert_int_equal(symlink("target", buf_cstr(&name)), 0);
    assert_int_equal(draft_open(&d, "file"), 0);
    assert_true(fd_write_all(d.fd, STR("new")));
    draft_close(&d);
    assert_text("target", "precious");
}

static void a_missing_directory_is_told(void **state UNUSED)
{
    struct draft d;

    assert_int_equal(draft_open(&d, "none/file"), ENOENT);
    draft_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_draft_takes_the_place_of_a_file_when_it_is_published),
        cmocka_unit_test(a_draft_that_is_given_up_leaves_nothing),
        cmocka_unit_test(a_link_in_its_place_is_neither_written_nor_published),
        cmocka_unit_test(a_link_that_is_there_already_is_not_followed),
        cmocka_unit_test(a_missing_directory_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
