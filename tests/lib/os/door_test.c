#include "os/door.h"
#include "os/fd.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int door[2];

/* A process attaches once, so all tests see the same two doors. */
static int open_doors(void **state)
{
    char text[64];

    (void)state;
    if (door_open(door) != 0)
        return 1;
    (void)snprintf(text, sizeof text, "public/a=%d private/b=%d ", door[1], 999);
    (void)setenv(DOORS_ENV, text, 1);
    door_attach();
    return 0;
}

static void a_connection_arrives_through_the_door(void **state)
{
    struct door_message m;
    char got[8] = "";

    (void)state;
    FD_AUTO(mine, door_connect("public/a", 1));
    assert_true(mine >= 0);
    assert_int_equal(door_take(door[0], &m, 1), 1);
    assert_true(m.fd >= 0);
    assert_int_equal(write(mine, "hello", 5), 5);
    assert_int_equal(read(m.fd, got, sizeof got), 5);
    assert_string_equal(got, "hello");
    close(m.fd);
    assert_int_equal(read(mine, got, sizeof got), 0);
}

static void what_was_not_handed_down_cannot_be_called(void **state)
{
    (void)state;
    assert_true(door_is_only_way());
    assert_int_equal(door_connect("public/c", 1), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(door_connect("public/", 1), -1);
    assert_false(door_note("private/a", STR("x")));
}

static void a_note_arrives_without_a_connection(void **state)
{
    struct door_message m[DOOR_BATCH];

    (void)state;
    assert_true(door_note("public/a", STR("NABC123")));
    assert_true(door_note("public/a", STR("I")));
    assert_int_equal(door_take(door[0], m, DOOR_BATCH), 2);
    assert_int_equal(m[0].fd, -1);
    assert_int_equal(m[0].len, 7);
    assert_memory_equal(m[0].note, "NABC123", 7);
    assert_memory_equal(m[1].note, "I", 1);
    assert_int_equal(door_take(door[0], m, DOOR_BATCH), 0);
}

static void what_is_no_stream_is_refused(void **state)
{
    struct door_message m;
    int other[2];

    (void)state;
    FD_AUTO(file, open("/dev/null", O_RDONLY | O_CLOEXEC));
    assert_true(fd_send(door[1], file, 0));
    assert_int_equal(door_take(door[0], &m, 1), 0);
    assert_int_equal(door_open(other), 0);
    assert_true(fd_send(door[1], other[0], 0));
    assert_int_equal(door_take(door[0], &m, 1), 0);
    close(other[0]);
    close(other[1]);
}

/* As many as a queue manager that reads a burst of mail may find. */
static void a_door_has_room_for_a_burst_of_notes(void **state)
{
    struct door_message m[DOOR_BATCH];
    size_t sent = 0, taken = 0, n;

    (void)state;
    if (geteuid() != 0)
        skip();
    while (sent < 1000 && door_note("public/a", STR("N0123456789AB")))
        sent++;
    assert_int_equal(sent, 1000);
    while ((n = door_take(door[0], m, DOOR_BATCH)) > 0)
        taken += n;
    assert_int_equal(taken, sent);
}

static void a_full_door_does_not_keep_the_caller(void **state)
{
    struct door_message m[DOOR_BATCH];
    size_t sent = 0, taken = 0, n;

    (void)state;
    while (sent < 100000 && door_note("public/a", STR("x")))
        sent++;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(door_connect("public/a", 0), -1);
    assert_int_equal(errno, EAGAIN);
    while ((n = door_take(door[0], m, DOOR_BATCH)) > 0)
        taken += n;
    assert_int_equal(taken, sent);
}

static void a_service_that_is_gone_is_an_error(void **state)
{
    (void)state;
    close(door[0]);
    assert_int_equal(door_connect("public/a", 5), -1);
    assert_true(errno == EPIPE || errno == ECONNRESET);
    assert_int_equal(door_connect("private/b", 5), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_arrives_through_the_door),
        cmocka_unit_test(what_was_not_handed_down_cannot_be_called),
        cmocka_unit_test(a_note_arrives_without_a_connection),
        cmocka_unit_test(what_is_no_stream_is_refused),
        cmocka_unit_test(a_door_has_room_for_a_burst_of_notes),
        cmocka_unit_test(a_full_door_does_not_keep_the_caller),
        cmocka_unit_test(a_service_that_is_gone_is_an_error),
    };

    return cmocka_run_group_tests(tests, open_doors, NULL);
}
