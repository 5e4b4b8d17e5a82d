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
    struct queue_id id = id_of("A1EB452CCAE"), read_back;
    char got[64];

    (void)state;
    assert_false(queue_notify(&id));
    FD_AUTO(listener, socket_unix_listen("public/qmgr", SOCK_STREAM, 0600, 5));
    assert_true(listener >= 0);
    assert_true(queue_notify(&id));
    FD_AUTO(client, accept(listener, NULL, NULL));
    assert_int_equal(read(client, got, sizeof got), 12);
    assert_true(queue_notice_parse((struct str){ got, 12 }, &read_back));
    assert_string_equal(read_back.text, id.text);
}

static void trigger_bytes_are_no_notice(void **state)
{
    struct queue_id id;

    (void)state;
    assert_false(queue_notice_parse(STR("I"), &id));
    assert_false(queue_notice_parse(STR("FDIAW"), &id));
    assert_false(queue_notice_parse(STR("A1EB452CCAE"), &id));
    assert_false(queue_notice_parse(STR("N../x"), &id));
    assert_false(queue_notice_parse(STR("N"), &id));
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
        SCRATCH_TEST(trigger_bytes_are_no_notice),
        SCRATCH_TEST(nobody_listening_is_told),
        SCRATCH_TEST(a_fifo_takes_triggers_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
