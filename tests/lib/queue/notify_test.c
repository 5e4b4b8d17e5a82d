#include "os/fd.h"
#include "os/socket.h"
#include "queue/notify.h"
#include "scratch.h"

#include <fcntl.h>
#include <sys/socket.h>

static struct queue_id id_of(const char *text)
{
    struct queue_id id;

    assert_true(queue_id_parse(str_from(text), &id));
    return id;
}

static void the_queue_manager_is_told_the_id(void **state)
{
    struct queue_notifier n = QUEUE_NOTIFIER_INIT;
    struct queue_id id = id_of("A1EB452CCAE");
    char got[64];

    (void)state;
    FD_AUTO(fd, socket_unix_listen(QUEUE_NOTIFY_SOCKET, SOCK_DGRAM, 0600, 0));
    assert_true(fd >= 0);
    queue_notify(&n, &id);
    queue_notify(&n, &id);
    assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), 11);
    assert_memory_equal(got, "A1EB452CCAE", 11);
    assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), 11);
    queue_notifier_close(&n);
}

static void a_restarted_queue_manager_is_found_again(void **state)
{
    struct queue_notifier n = QUEUE_NOTIFIER_INIT;
    struct queue_id id = id_of("A1EB452CCAE");
    char got[64];

    (void)state;
    int fd = socket_unix_listen(QUEUE_NOTIFY_SOCKET, SOCK_DGRAM, 0600, 0);
    queue_notify(&n, &id);
    fd_close(&fd);
    unlink(QUEUE_NOTIFY_SOCKET);
    fd = socket_unix_listen(QUEUE_NOTIFY_SOCKET, SOCK_DGRAM, 0600, 0);
    queue_notify(&n, &id);
    assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), 11);
    fd_close(&fd);
    queue_notifier_close(&n);
}

static void without_the_socket_the_trigger_is_pulled(void **state)
{
    struct queue_notifier n = QUEUE_NOTIFIER_INIT;
    struct queue_id id = id_of("A1EB452CCAE");
    char got[8];

    (void)state;
    FD_AUTO(listener, socket_unix_listen("public/qmgr", SOCK_STREAM, 0600, 5));
    assert_true(listener >= 0);
    queue_notify(&n, &id);
    FD_AUTO(client, accept(listener, NULL, NULL));
    assert_int_equal(read(client, got, sizeof got), 1);
    assert_int_equal(got[0], 'I');
    queue_notifier_close(&n);
}

static void nobody_listening_is_told(void **state)
{
    (void)state;
    assert_false(queue_trigger("public/qmgr", STR("I"), 0));
    assert_false(queue_trigger("public/qmgr", STR("I"), 1));
}

static void a_fifo_takes_triggers_too(void **state)
{
    char got[8];

    (void)state;
    assert_int_equal(mkfifo("public/pickup", 0600), 0);
    FD_AUTO(fd, open("public/pickup", O_RDWR | O_NONBLOCK));
    assert_true(queue_trigger("public/pickup", STR("W"), 1));
    assert_int_equal(read(fd, got, sizeof got), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(the_queue_manager_is_told_the_id),
        SCRATCH_TEST(a_restarted_queue_manager_is_found_again),
        SCRATCH_TEST(without_the_socket_the_trigger_is_pulled),
        SCRATCH_TEST(nobody_listening_is_told),
        SCRATCH_TEST(a_fifo_takes_triggers_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
