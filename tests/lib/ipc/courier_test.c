#include "ipc/channel.h"
#include "ipc/courier.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX 100

/* The service is the test itself, at the other end of a pair of sockets. */
static struct {
    struct loop *loop;
    int peer;     /* of the last connection; -1: none */
    int opened;   /* connections so far */
    int refusals; /* that many attempts fail with `refuse_with` */
    int refuse_with;
    int gone;
    struct courier *courier;
    /* Ends of requests, in the order in which they came. */
    int ends;
    enum courier_result results[2000];
    int which[2000];
    char text[ANSWER_MAX + 1]; /* of the last answer */
    char kind;
    int error;
} world;

static int open_pair(struct str service)
{
    int ends[2], small = 4096;

    assert_true(str_equal(service, STR("echo")));
    if (world.refusals > 0) {
        world.refusals--;
        errno = world.refuse_with;
        return -1;
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    if (world.peer >= 0)
        close(world.peer);
    world.peer = ends[1];
    world.opened++;
    return ends[0];
}

static void note_gone(void *context)
{
    assert_ptr_equal(context, &world);
    world.gone++;
}

static struct courier_rules rules = {
    .open = open_pair, .open_tries = 0, .answer_max = ANSWER_MAX, .gone = note_gone
};

static int set_up(void **state UNUSED)
{
    memset(&world, 0, sizeof world);
    world.loop = loop_new();
    world.peer = -1;
    rules.open_tries = 0;
    rules.deadline_ms = 0;
    rules.gone = note_gone;
    world.courier = courier_new(world.loop, &rules, STR("echo"), &world);
    return 0;
}

static int tear_down(void **state UNUSED)
{
    courier_free(world.courier);
    loop_free(world.loop);
    fd_close(&world.peer);
    return 0;
}

static void note_end(void *context, const struct courier_answer *a)
{
    world.results[world.ends] = a->result;
    world.which[world.ends++] = *(int *)context;
    world.error = a->error;
    if (a->result != COURIER_ANSWERED)
        return;
    world.kind = a->kind;
    memcpy(world.text, a->body.ptr, a->body.len);
    world.text[a->body.len] = '\0';
}

static int numbers[2000];

static void ask(int number, struct str body)
{
    numbers[number] = number;
    assert_true(courier_send(world.courier, 'Q', body, note_end, &numbers[number]));
}

static void run(void) { loop_run_once(world.loop, 0); }

static void peer_says(struct str bytes) { assert_true(fd_write_all(world.peer, bytes)); }

static void peer_answers(const char *text)
{
    BUF_AUTO(frame, 0);

    assert_true(channel_frame(&frame, 'A', str_from(text)));
    peer_says(buf_str(&frame));
}

/* One request as the peer sees it; the courier goes on writing meanwhile. */
static void peer_hears(const char *text)
{
    static struct buf in = { .max = 0 };
    struct str rest, body;
    char kind;
    bool bad;

    for (;;) {
        rest = buf_str(&in);
        if (channel_split(&rest, &kind, &body, &bad))
            break;
        run();
        assert_int_equal(fd_read(world.peer, &in, 1000), IO_OK);
    }
    assert_int_equal(kind, 'Q');
    assert_int_equal(body.len, strlen(text));
    assert_memory_equal(body.ptr, text, body.len);
    buf_consume(&in, in.len - rest.len);
    if (in.len == 0)
        buf_free(&in);
}

static void peer_leaves(void) { fd_close(&world.peer); }

static void ends_are(const enum courier_result *results, int count)
{
    assert_int_equal(world.ends, count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(world.which[i], i);
        assert_int_equal(world.results[i], results[i]);
    }
}
#define ENDS_ARE(...)                                      \
    ends_are((const enum courier_result[]){ __VA_ARGS__ }, \
             (int)ARRAY_LEN(((const enum courier_result[]){ __VA_ARGS__ })))

static void an_answer_comes_to_who_asked(void **state UNUSED)
{
    ask(0, STR("hello"));
    peer_hears("hello");
    run();
    assert_int_equal(world.ends, 0);
    peer_answers("world");
    run();
    ENDS_ARE(COURIER_ANSWERED);
    assert_int_equal(world.kind, 'A');
    assert_string_equal(world.text, "world");
    ask(1, STR(""));
    peer_hears("");
    peer_answers("");
    run();
    ENDS_ARE(COURIER_ANSWERED, COURIER_ANSWERED);
    assert_string_equal(world.text, "");
    assert_int_equal(world.opened, 1);
}

static void nothing_connects_before_there_is_something_to_send(void **state UNUSED)
{
    run();
    assert_int_equal(world.opened, 0);
}

static void answers_may_come_in_pieces_of_any_size(void **state UNUSED)
{
    BUF_AUTO(frames, 0);

    assert_true(channel_frame(&frames, 'A', STR("one")));
    assert_true(channel_frame(&frames, 'A', STR("")));
    assert_true(channel_frame(&frames, 'A', STR("three")));
    for (size_t size = 1; size <= frames.len; size++) {
        world.ends = 0;
        for (int i = 0; i < 3; i++)
            ask(i, STR("?"));
        for (size_t at = 0; at < frames.len; at += size) {
            peer_says(str_sub(buf_str(&frames), at, at + size));
            run();
        }
        ENDS_ARE(COURIER_ANSWERED, COURIER_ANSWERED, COURIER_ANSWERED);
        assert_string_equal(world.text, "three");
    }
}

static void a_long_request_leaves_as_the_peer_takes_it(void **state UNUSED)
{
    size_t len = 300000;
    char *text = test_malloc(len + 1);

    memset(text, 'x', len);
    text[len] = '\0';
    ask(0, str_from(text));
    ask(1, STR("behind it"));
    peer_hears(text);
    peer_hears("behind it");
    peer_answers("a");
    peer_answers("b");
    run();
    ENDS_ARE(COURIER_ANSWERED, COURIER_ANSWERED);
    test_free(text);
}

static void many_requests_are_answered_in_their_order(void **state UNUSED)
{
    char text[20];

    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "request %d", i);
        ask(i, str_from(text));
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "request %d", i);
        peer_hears(text);
        peer_answers("yes");
        if (i % 7 == 0)
            run();
    }
    for (int i = 0; i < 10; i++)
        run();
    assert_int_equal(world.ends, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(world.which[i], i);
    assert_int_equal(world.opened, 1);
}

static void a_peer_that_leaves_in_the_middle_fails_all_that_is_under_way(void **state UNUSED)
{
    for (int i = 0; i < 3; i++)
        ask(i, STR("?"));
    for (int i = 0; i < 3; i++)
        peer_hears("?");
    peer_answers("first");
    peer_says((struct str){ "\x05\0\0\0A", 5 });
    peer_leaves();
    run();
    run();
    ENDS_ARE(COURIER_ANSWERED, COURIER_LOST, COURIER_LOST);
    assert_int_equal(world.gone, 0);
}

static void only_what_was_surely_not_read_is_called_unread(void **state UNUSED)
{
    ask(0, STR("read"));
    peer_hears("read");
    ask(1, STR("maybe"));
    ask(2, STR("surely not"));
    peer_leaves();
    run();
    ENDS_ARE(COURIER_LOST, COURIER_LOST, COURIER_UNREAD);
}

static void a_request_that_did_not_leave_whole_is_unread(void **state UNUSED)
{
    char text[100000];

    memset(text, 'x', sizeof text);
    ask(0, (struct str){ text, sizeof text });
    ask(1, STR("behind it"));
    peer_leaves();
    run();
    ENDS_ARE(COURIER_UNREAD, COURIER_UNREAD);
}

static void
a_connection_that_was_closed_meanwhile_does_not_lose_the_next_request(void **state UNUSED)
{
    rules.gone = NULL;
    ask(0, STR("?"));
    peer_hears("?");
    peer_answers("yes");
    run();
    peer_leaves();
    ask(1, STR("too late"));
    run();
    ENDS_ARE(COURIER_ANSWERED, COURIER_UNREAD);
    ask(2, STR("again"));
    peer_hears("again");
    peer_answers("yes");
    run();
    ENDS_ARE(COURIER_ANSWERED, COURIER_UNREAD, COURIER_ANSWERED);
    assert_int_equal(world.opened, 2);
}

static void what_the_peer_said_before_it_left_is_heard(void **state UNUSED)
{
    ask(0, STR("?"));
    peer_hears("?");
    peer_answers("yes");
    peer_leaves();
    ask(1, STR("nobody reads this"));
    run();
    run();
    ENDS_ARE(COURIER_ANSWERED, COURIER_UNREAD);
    assert_string_equal(world.text, "yes");
}

static void a_peer_that_leaves_unasked_is_told(void **state UNUSED)
{
    ask(0, STR("?"));
    peer_hears("?");
    peer_answers("yes");
    run();
    assert_int_equal(world.gone, 0);
    peer_leaves();
    run();
    assert_int_equal(world.gone, 1);
}

static void a_peer_that_speaks_unasked_is_left(void **state UNUSED)
{
    ask(0, STR("?"));
    peer_hears("?");
    peer_answers("yes");
    peer_answers("and another thing");
    run();
    ENDS_ARE(COURIER_ANSWERED);
    assert_int_equal(world.gone, 1);
    ask(1, STR("?"));
    assert_int_equal(world.opened, 2);
    peer_hears("?");
    peer_answers("yes");
    run();
    peer_answers("later");
    run();
    assert_int_equal(world.gone, 2);
}

static void frames_that_cannot_be_end_the_connection(void **state UNUSED)
{
    static const struct str heads[] = {
        { "\0\0\0\0A", 5 }, /* empty */
        { "\xff\xff\xff\xff"
          "A",
          5 }, /* longer than any frame */
    };

    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        world.ends = 0;
        ask(0, STR("?"));
        ask(1, STR("?"));
        peer_says(heads[i]);
        run();
        ENDS_ARE(COURIER_NONSENSE, COURIER_LOST);
    }
}

static void an_answer_has_a_longest_length(void **state UNUSED)
{
    char text[ANSWER_MAX + 2] = { 0 };

    memset(text, 'x', ANSWER_MAX);
    ask(0, STR("?"));
    peer_answers(text);
    run();
    ENDS_ARE(COURIER_ANSWERED);
    assert_string_equal(world.text, text);
    text[ANSWER_MAX] = 'x';
    ask(1, STR("?"));
    peer_answers(text);
    run();
    ENDS_ARE(COURIER_ANSWERED, COURIER_NONSENSE);
}

static void a_request_has_a_deadline(void **state UNUSED)
{
    rules.deadline_ms = 1;
    ask(0, STR("?"));
    rules.deadline_ms = INT32_MAX;
    ask(1, STR("?"));
    while (world.ends == 0)
        loop_run_once(world.loop, -1);
    ENDS_ARE(COURIER_LATE, COURIER_LOST);
    ask(2, STR("?"));
    assert_int_equal(world.opened, 2);
    peer_hears("?");
    peer_answers("in time");
    run();
    ENDS_ARE(COURIER_LATE, COURIER_LOST, COURIER_ANSWERED);
}

static void a_service_that_is_not_there_is_told_at_once(void **state UNUSED)
{
    world.refusals = 1;
    world.refuse_with = ENOENT;
    assert_false(courier_send(world.courier, 'Q', STR("?"), note_end, &numbers[0]));
    assert_int_equal(errno, ENOENT);
    run();
    ENDS_ARE();
}

static void a_service_with_a_full_house_is_asked_again(void **state UNUSED)
{
    world.refusals = 2;
    world.refuse_with = EAGAIN;
    ask(0, STR("a"));
    ask(1, STR("b"));
    assert_int_equal(world.opened, 0);
    while (world.opened == 0)
        loop_run_once(world.loop, -1);
    peer_hears("a");
    peer_hears("b");
    peer_answers("yes");
    peer_answers("yes");
    run();
    ENDS_ARE(COURIER_ANSWERED, COURIER_ANSWERED);
}

static void a_service_is_asked_so_often_and_no_more(void **state UNUSED)
{
    rules.open_tries = 2;
    world.refusals = 3;
    world.refuse_with = EAGAIN;
    ask(0, STR("a"));
    ask(1, STR("b"));
    while (world.ends == 0)
        loop_run_once(world.loop, -1);
    ENDS_ARE(COURIER_UNAVAILABLE, COURIER_UNAVAILABLE);
    assert_int_equal(world.error, EAGAIN);
    assert_int_equal(world.refusals, 1);
}

static void ask_again(void *context, const struct courier_answer *a)
{
    note_end(context, a);
    if (a->result != COURIER_ANSWERED)
        ask(world.ends, STR("again"));
}

static void a_callback_may_send_again(void **state UNUSED)
{
    numbers[0] = 0;
    assert_true(courier_send(world.courier, 'Q', STR("?"), ask_again, &numbers[0]));
    peer_leaves();
    run();
    ENDS_ARE(COURIER_UNREAD);
    assert_int_equal(world.opened, 2);
    peer_hears("again");
    peer_answers("yes");
    run();
    ENDS_ARE(COURIER_UNREAD, COURIER_ANSWERED);
}

static void free_courier(void *context, const struct courier_answer *a)
{
    note_end(context, a);
    courier_free(world.courier);
    world.courier = NULL;
}

static void a_callback_may_free_the_courier(void **state UNUSED)
{
    for (int leave = 0; leave < 2; leave++) {
        world.ends = 0;
        if (world.courier == NULL)
            world.courier = courier_new(world.loop, &rules, STR("echo"), &world);
        assert_true(courier_send(world.courier, 'Q', STR("?"), free_courier, &numbers[0]));
        ask(1, STR("forgotten"));
        peer_hears("?");
        peer_hears("forgotten");
        if (leave) {
            peer_leaves();
        } else {
            peer_answers("yes");
            peer_answers("yes");
        }
        run();
        assert_int_equal(world.ends, 1);
        assert_null(world.courier);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_comes_to_who_asked),
        TEST(nothing_connects_before_there_is_something_to_send),
        TEST(answers_may_come_in_pieces_of_any_size),
        TEST(a_long_request_leaves_as_the_peer_takes_it),
        TEST(many_requests_are_answered_in_their_order),
        TEST(a_peer_that_leaves_in_the_middle_fails_all_that_is_under_way),
        TEST(only_what_was_surely_not_read_is_called_unread),
        TEST(a_request_that_did_not_leave_whole_is_unread),
        TEST(a_connection_that_was_closed_meanwhile_does_not_lose_the_next_request),
        TEST(what_the_peer_said_before_it_left_is_heard),
        TEST(a_peer_that_leaves_unasked_is_told),
        TEST(a_peer_that_speaks_unasked_is_left),
        TEST(frames_that_cannot_be_end_the_connection),
        TEST(an_answer_has_a_longest_length),
        TEST(a_request_has_a_deadline),
        TEST(a_service_that_is_not_there_is_told_at_once),
        TEST(a_service_with_a_full_house_is_asked_again),
        TEST(a_service_is_asked_so_often_and_no_more),
        TEST(a_callback_may_send_again),
        TEST(a_callback_may_free_the_courier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
