#include "os/fd.h"
#include "queue/writer.h"
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

static const struct queue_layout flat = { STR_NONE, 1 };
static const struct timeval now = { 1795290872, 727590 };

static int files_in(const char *queue)
{
    struct dirent *entry;
    DIR *dir = opendir(queue);
    int n = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static struct stat status_of(const char *queue, const struct queue_id *id)
{
    struct stat st;

    assert_true(queue_stat(&flat, queue, id, &st));
    return st;
}

static void the_name_is_made_from_time_and_inode(void **state)
{
    struct queue_writer w = QUEUE_WRITER_INIT;
    uint64_t inode;

    (void)state;
    assert_true(queue_writer_open(&w, &flat, false, now));
    struct stat st = status_of("incoming", &w.id);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(queue_id_inode(&w.id, &inode));
    assert_int_equal(inode, st.st_ino);
    assert_memory_equal(w.id.text, "B1A26", 5); /* 727590 */
    assert_int_equal(files_in("incoming"), 1);
    queue_writer_close(&w, &flat);
    assert_int_equal(files_in("incoming"), 0);
    queue_writer_fini(&w);
}

static void what_was_added_is_on_disk_and_ready_after_the_commit(void **state)
{
    struct queue_writer w = QUEUE_WRITER_INIT;
    BUF_AUTO(back, 0);
    BUF_AUTO(path, 0);

    (void)state;
    assert_true(queue_writer_open(&w, &flat, true, now));
    queue_writer_add(&w, STR("C\3___S\1aM\0"));
    queue_writer_patch(&w, 2, STR("123"));
    assert_int_equal(queue_writer_offset(&w), 10);
    assert_true(queue_writer_commit(&w, &flat, false));
    queue_writer_close(&w, &flat);
    assert_int_equal(status_of("incoming", &w.id).st_mode & 07777, 0700);
    queue_path(&flat, "incoming", &w.id, &path);
    assert_true(fd_read_file(AT_FDCWD, buf_cstr(&path), &back));
    assert_int_equal(back.len, 10);
    assert_memory_equal(back.ptr,
                        "C\3"
                        "123S\1aM\0",
                        10);
    queue_writer_fini(&w);
}

/* Patches before, across and behind the border between disk and memory. */
static void patches_reach_what_is_already_written(void **state)
{
    struct queue_writer w = QUEUE_WRITER_INIT;
    static char block[QUEUE_WRITER_MEMORY + 10];
    BUF_AUTO(back, 0);
    BUF_AUTO(path, 0);

    (void)state;
    memset(block, '.', sizeof block);
    assert_true(queue_writer_open(&w, &flat, false, now));
    queue_writer_add(&w, (struct str){ block, sizeof block });
    assert_int_equal(w.written, sizeof block);
    queue_writer_add(&w, STR("tail"));
    queue_writer_patch(&w, 3, STR("disk"));
    queue_writer_patch(&w, sizeof block - 2, STR("both"));
    queue_writer_patch(&w, sizeof block + 3, STR("M"));
    assert_true(queue_writer_commit(&w, &flat, false));
    queue_path(&flat, "incoming", &w.id, &path);
    assert_true(fd_read_file(AT_FDCWD, buf_cstr(&path), &back));
    assert_int_equal(back.len, sizeof block + 4);
    assert_memory_equal(back.ptr, "...disk...", 10);
    assert_memory_equal(back.ptr + sizeof block - 3, ".bothiM", 7);
    queue_writer_fini(&w);
}

static void a_held_message_goes_to_hold(void **state)
{
    struct queue_writer w = QUEUE_WRITER_INIT;

    (void)state;
    assert_true(queue_writer_open(&w, &flat, false, now));
    queue_writer_add(&w, STR("M\0"));
    assert_true(queue_writer_commit(&w, &flat, true));
    assert_int_equal(files_in("incoming"), 0);
    assert_int_equal(status_of("hold", &w.id).st_mode & 07777, 0700);
    queue_writer_fini(&w);
}

static void a_failed_write_leaves_nothing(void **state)
{
    struct queue_writer w = QUEUE_WRITER_INIT;

    (void)state;
    assert_true(queue_writer_open(&w, &flat, false, now));
    queue_writer_add(&w, STR("M\0"));
    fd_close(&w.fd);
    w.fd = open("/dev/full", O_WRONLY);
    assert_false(queue_writer_commit(&w, &flat, false));
    assert_int_equal(w.error, ENOSPC);
    assert_int_equal(files_in("incoming"), 0);
    queue_writer_fini(&w);
}

static void a_name_that_is_taken_is_left_alone(void **state)
{
    struct queue_writer first = QUEUE_WRITER_INIT, second = QUEUE_WRITER_INIT;
    BUF_AUTO(path, 0);
    BUF_AUTO(back, 0);

    (void)state;
    assert_true(queue_writer_open(&first, &flat, false, now));
    /* A file copied here from another machine happens to have the name that the next id would get. */
    struct stat st = status_of("incoming", &first.id);
    queue_writer_close(&first, &flat);
    struct queue_id taken;
    queue_id_make(now, st.st_ino, false, &taken);
    queue_path(&flat, "incoming", &taken, &path);
    FD_AUTO(fd, open(buf_cstr(&path), O_WRONLY | O_CREAT | O_EXCL, 0700));
    assert_true(fd_write_all(fd, STR("precious")));
    for (int i = 0; i < 3; i++) {
        assert_true(queue_writer_open(&second, &flat, false, now));
        queue_writer_add(&second, STR("M\0"));
        assert_true(queue_writer_commit(&second, &flat, false));
    }
    assert_true(fd_read_file(AT_FDCWD, buf_cstr(&path), &back));
    assert_str_equal(buf_str(&back), "precious");
    assert_int_equal(files_in("incoming"), 4);
    queue_writer_fini(&first);
    queue_writer_fini(&second);
}

static void a_used_file_holds_nothing_of_its_old_message(void **state)
{
    struct queue_spares spares = { 0 };
    struct queue_writer w = QUEUE_WRITER_INIT;
    BUF_AUTO(path, 0);
    BUF_AUTO(back, 0);
    FD_AUTO(old, open("active/OLD", O_WRONLY | O_CREAT | O_EXCL, 0700));

    (void)state;
    assert_true(fd_write_all(old, STR("a long old message")));
    assert_true(queue_spare_put(&spares, "active/OLD"));
    w.spares = &spares;
    assert_true(queue_writer_open(&w, &flat, false, now));
    assert_true(w.used_before);
    assert_int_equal(status_of("incoming", &w.id).st_mode & 07777, 0600);
    assert_int_equal(files_in("spare"), 0);
    queue_writer_add(&w, STR("new"));
    /* Whoever reads the unfinished file (bounce) finds the new message only. */
    assert_true(queue_writer_flush(&w));
    assert_int_equal(status_of("incoming", &w.id).st_size, 3);
    queue_writer_add(&w, STR("er"));
    assert_true(queue_writer_commit(&w, &flat, false));
    queue_path(&flat, "incoming", &w.id, &path);
    assert_true(fd_read_file(AT_FDCWD, buf_cstr(&path), &back));
    assert_str_equal(buf_str(&back), "newer");
    assert_int_equal(status_of("incoming", &w.id).st_mode & 07777, 0700);
    queue_writer_fini(&w);
}

static void a_record_that_was_left_out_spoils_the_file(void **state)
{
    struct queue_writer w = QUEUE_WRITER_INIT;
    char *text = calloc(1, RECORD_FACT_MAX + 1);

    (void)state;
    assert_true(queue_writer_open(&w, &flat, false, now));
    record_put(queue_writer_buf(&w), REC_RCPT, (struct str){ text, RECORD_FACT_MAX + 1 });
    record_put(queue_writer_buf(&w), REC_END, STR_NONE);
    assert_false(queue_writer_commit(&w, &flat, false));
    assert_int_equal(w.error, EMSGSIZE);
    assert_int_equal(files_in("incoming"), 0);
    queue_writer_fini(&w);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(the_name_is_made_from_time_and_inode),
        SCRATCH_TEST(what_was_added_is_on_disk_and_ready_after_the_commit),
        SCRATCH_TEST(patches_reach_what_is_already_written),
        SCRATCH_TEST(a_held_message_goes_to_hold),
        SCRATCH_TEST(a_failed_write_leaves_nothing),
        SCRATCH_TEST(a_name_that_is_taken_is_left_alone),
        SCRATCH_TEST(a_used_file_holds_nothing_of_its_old_message),
        SCRATCH_TEST(a_record_that_was_left_out_spoils_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
