#include "os/fd.h"
#include "queue/spare.h"
#include "scratch.h"

#include <fcntl.h>

static void make(const char *path, struct str content)
{
    FD_AUTO(fd, open(path, O_WRONLY | O_CREAT | O_EXCL, 0700));

    assert_true(fd >= 0 && fd_write_all(fd, content));
}

static bool exists(const char *path) { return access(path, F_OK) == 0; }

static void a_file_that_was_put_can_be_taken_once(void **state)
{
    struct queue_spares s = { 0 };
    struct queue_spare spare = { .path = BUF_INIT(0) }, none = { .path = BUF_INIT(0) };
    struct stat st;

    (void)state;
    make("active/A", STR("old message"));
    assert_true(queue_spare_put(&s, "active/A"));
    assert_false(exists("active/A"));
    FD_AUTO(fd, queue_spare_take(&s, geteuid(), 17, &spare));
    assert_true(fd >= 0);
    assert_int_equal(spare.size, strlen("old message"));
    assert_int_equal(stat(buf_cstr(&spare.path), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_ino, spare.inode);
    assert_int_equal(queue_spare_take(&s, geteuid(), 17, &none), -1);
    buf_free(&spare.path);
}

static void a_claimed_place_is_not_empty(void **state)
{
    struct queue_spares s = { .full = ~UINT64_C(1) };
    struct queue_spare spare = { .path = BUF_INIT(0) };

    (void)state;
    make("active/A", STR("first"));
    make("active/B", STR("second"));
    assert_true(queue_spare_put(&s, "active/A"));
    s.full = 1;
    FD_AUTO(fd, queue_spare_take(&s, geteuid(), 0, &spare));
    assert_true(fd >= 0);
    s.full = ~UINT64_C(1);
    assert_false(queue_spare_put(&s, "active/B"));
    assert_int_equal(rename("spare/0", "incoming/A"), 0);
    assert_true(queue_spare_done(&s, &spare, fd));
    assert_true(queue_spare_put(&s, "active/B"));
    buf_free(&spare.path);
}

static void a_file_that_is_not_the_one_is_noticed(void **state)
{
    struct queue_spares s = { 0 };
    struct queue_spare spare = { .path = BUF_INIT(0) };

    (void)state;
    make("active/A", STR("first"));
    make("active/B", STR("second"));
    assert_true(queue_spare_put(&s, "active/A"));
    FD_AUTO(fd, queue_spare_take(&s, geteuid(), 0, &spare));
    assert_int_equal(rename("active/B", "spare/0"), 0); /* the memory said that nobody has it */
    assert_int_equal(rename("spare/0", "incoming/A"), 0);
    assert_false(queue_spare_done(&s, &spare, fd));
    buf_free(&spare.path);
}

static void only_as_many_as_there_are_places_are_kept(void **state)
{
    struct queue_spares s = { 0 };
    char path[32];

    (void)state;
    for (int i = 0; i <= QUEUE_SPARES; i++) {
        snprintf(path, sizeof path, "active/%d", i);
        make(path, STR("x"));
        assert_int_equal(queue_spare_put(&s, path), i < QUEUE_SPARES);
    }
    assert_true(exists(path));
    queue_spares_clear(&s);
    assert_false(exists("spare/0"));
    assert_int_equal(atomic_load(&s.full), 0);
}

static void large_files_links_and_what_is_gone_are_not_kept(void **state)
{
    static char large[QUEUE_SPARE_SIZE_MAX + 1];
    struct queue_spares s = { 0 };

    (void)state;
    make("active/large", (struct str){ large, sizeof large });
    assert_int_equal(symlink("/etc/passwd", "active/link"), 0);
    assert_false(queue_spare_put(&s, "active/large"));
    assert_false(queue_spare_put(&s, "active/link"));
    assert_false(queue_spare_put(&s, "active/gone"));
    assert_int_equal(atomic_load(&s.full), 0);
}

static void a_file_with_a_second_name_is_not_written_again(void **state)
{
    struct queue_spares s = { 0 };
    struct queue_spare spare = { .path = BUF_INIT(0) };
    BUF_AUTO(back, 0);

    (void)state;
    make("active/A", STR("backed up"));
    assert_int_equal(link("active/A", "hold/copy"), 0);
    assert_true(queue_spare_put(&s, "active/A"));
    assert_int_equal(queue_spare_take(&s, geteuid(), 0, &spare), -1);
    assert_false(exists(buf_cstr(&spare.path)));
    buf_free(&spare.path);
    assert_true(fd_read_file(AT_FDCWD, "hold/copy", &back));
    assert_str_equal(buf_str(&back), "backed up");
}

static void a_bit_without_a_file_gives_nothing(void **state)
{
    struct queue_spares s = { .full = UINT64_MAX };
    struct queue_spare spare = { .path = BUF_INIT(0) };

    (void)state;
    assert_int_equal(queue_spare_take(&s, geteuid(), 63, &spare), -1);
    assert_int_equal(atomic_load(&s.full), UINT64_MAX >> 1);
    assert_int_equal(atomic_load(&s.taken), 0);
    assert_int_equal(queue_spare_take(NULL, geteuid(), 63, &spare), -1);
    buf_free(&spare.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(a_file_that_was_put_can_be_taken_once),
        SCRATCH_TEST(a_claimed_place_is_not_empty),
        SCRATCH_TEST(a_file_that_is_not_the_one_is_noticed),
        SCRATCH_TEST(only_as_many_as_there_are_places_are_kept),
        SCRATCH_TEST(large_files_links_and_what_is_gone_are_not_kept),
        SCRATCH_TEST(a_file_with_a_second_name_is_not_written_again),
        SCRATCH_TEST(a_bit_without_a_file_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
