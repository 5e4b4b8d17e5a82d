#include "ipc/channel.h"
#include "lib/queue/scratch.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

static void a_service_is_found_by_its_name(void **state UNUSED)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "private/echo" };
    FD_AUTO(listener, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    struct channel near = CHANNEL_NONE, far;
    struct str body;
    char kind;

    assert_int_equal(bind(listener, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_true(channel_open(&near, "private", STR("echo"), 10));
    channel_init(&far, accept(listener, NULL, NULL), 10);
    assert_true(channel_send(&near, 'Q', STR("hello")) && channel_flush(&near));
    assert_int_equal(channel_receive(&far, &kind, &body), IO_OK);
    assert_int_equal(kind, 'Q');
    assert_true(str_equal(body, STR("hello")));
    channel_close(&far);
    channel_close(&near);
}

static void a_service_that_cannot_be_is_told_by_errno(void **state UNUSED)
{
    struct channel c = CHANNEL_NONE;
    char name[300];

    memset(name, 'x', sizeof name);
    assert_false(channel_open(&c, "private", STR("nobody"), 10));
    assert_int_equal(errno, ENOENT);
    assert_false(channel_open(&c, "private", (struct str){ name, 150 }, 10));
    assert_int_equal(errno, ENAMETOOLONG);
    assert_false(channel_open(&c, "private", (struct str){ name, sizeof name }, 10));
    assert_int_equal(errno, ENAMETOOLONG);
    assert_false(channel_is_open(&c));
}

static void no_frame_is_sent_that_is_not_received(void **state UNUSED)
{
    char *room = calloc(1, CHANNEL_FRAME_MAX);
    struct str body = { room, CHANNEL_FRAME_MAX - 1 };
    struct str longer = { body.ptr, CHANNEL_FRAME_MAX };
    struct channel c;
    BUF_AUTO(out, 0);
    char kind;
    bool bad;

    assert_true(channel_frame(&out, 'x', body));
    struct str in = buf_str(&out), got;
    assert_true(channel_split(&in, &kind, &got, &bad));
    assert_int_equal(got.len, body.len);
    size_t before = out.len;
    assert_false(channel_frame(&out, 'x', longer));
    assert_int_equal(out.len, before);

    channel_init(&c, -1, 0);
    buf_add(channel_begin(&c, 'x'), longer);
    assert_false(channel_end(&c));
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(c.link.out.len, 0);
    assert_false(channel_send(&c, 'x', longer));
    assert_int_equal(c.link.out.len, 0);
    channel_close(&c);
    free(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_is_found_by_its_name),
        cmocka_unit_test(a_service_that_cannot_be_is_told_by_errno),
        cmocka_unit_test(no_frame_is_sent_that_is_not_received),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
