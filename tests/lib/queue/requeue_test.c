#include "os/fd.h"
#include "queue/requeue.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>

static const struct queue_layout layout = { { NULL, 0 }, 0 };
#define ID      "3F2A9C0D41"
#define CONTENT "..R.sent....D.failed..D.gone....."

static struct queue_id the_id(void)
{
    struct queue_id id;

    assert_true(queue_id_parse(STR(ID), &id));
    return id;
}

static void put(const char *path, const char *text)
{
    FD_AUTO(fd, open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700));

    assert_true(fd >= 0 && fd_write_all(fd, str_from(text)));
}

static void assert_file(const char *path, const char *text)
{
    BUF_AUTO(got, 0);

    assert_true(fd_read_file(AT_FDCWD, path, &got));
    assert_str_equal(buf_str(&got), text);
}

static void prepare(const char *log)
{
    assert_int_equal(mkdir("bounce", 0700), 0);
    put("active/" ID, CONTENT);
    if (log)
        put("bounce/" ID, log);
}

static void failed_recipients_are_tried_again_and_the_log_stays_for_the_copy(void **state)
{
    struct queue_id id = the_id();

    (void)state;
    prepare("recipient=failed@x.test\noffset=12\nstatus=5.1.1\naction=failed\nreason=no\n\n");
    assert_true(queue_requeue_bounced(&layout, "active", &id));
    assert_file("active/" ID, "..R.sent....R.failed..D.gone.....");
    assert_int_equal(access("bounce/" ID, F_OK), 0);
}

static void offsets_of_nobody_change_nothing(void **state)
{
    struct queue_id id = the_id();

    (void)state;
    prepare("recipient=a@x.test\noffset=2\nreason=no\n\nrecipient=b@x.test\noffset=5\nreason=no\n\n"
            "recipient=c@x.test\noffset=99999\nreason=no\n\nrecipient=d@x.test\noffset=-4\nreason="
            "no\n\n"
            "recipient=e@x.test\nreason=no\n\n");
    assert_true(queue_requeue_bounced(&layout, "active", &id));
    assert_file("active/" ID, CONTENT);
}

static void without_a_log_there_is_nothing_to_do(void **state)
{
    struct queue_id id = the_id();

    (void)state;
    prepare(NULL);
    assert_true(queue_requeue_bounced(&layout, "active", &id));
    assert_file("active/" ID, CONTENT);
}

static void without_a_message_the_log_stays(void **state)
{
    struct queue_id id = the_id();

    (void)state;
    prepare("recipient=failed@x.test\noffset=12\nreason=no\n\n");
    assert_false(queue_requeue_bounced(&layout, "hold", &id));
    assert_int_equal(errno, ENOENT);
    assert_int_equal(access("bounce/" ID, F_OK), 0);
}

/* An agent that has the file open goes on while the message is copied. */
static void who_fails_during_the_copy_is_known_too(void **state)
{
    struct queue_id id = the_id();
    struct requeue_log log = { .layout = &layout, .id = &id };

    (void)state;
    prepare(NULL);
    assert_false(requeue_log_has(&log, 12));
    requeue_log_remove(&log);
    put("bounce/" ID, "recipient=failed@x.test\noffset=12\nreason=no\n\n");
    assert_true(requeue_log_has(&log, 12));
    assert_false(requeue_log_has(&log, 22));
    put("bounce/" ID, "recipient=failed@x.test\noffset=12\nreason=no\n\nrecipient=gone@x.test\n"
                      "offset=22\nreason=no\n\n");
    assert_true(requeue_log_has(&log, 22));
    requeue_log_remove(&log);
    assert_int_equal(access("bounce/" ID, F_OK), -1);
    requeue_log_free(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(failed_recipients_are_tried_again_and_the_log_stays_for_the_copy),
        SCRATCH_TEST(offsets_of_nobody_change_nothing),
        SCRATCH_TEST(without_a_log_there_is_nothing_to_do),
        SCRATCH_TEST(without_a_message_the_log_stays),
        SCRATCH_TEST(who_fails_during_the_copy_is_known_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
