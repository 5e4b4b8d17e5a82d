#include "os/cargo.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
    struct stream stream[2];
    struct cargo cargo[2];
};

static void open_pair(struct pair *p)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    for (int i = 0; i < 2; i++) {
        stream_init(&p->stream[i], ends[i], 0);
        p->cargo[i] = (struct cargo)CARGO_NONE;
        cargo_attach(&p->stream[i], &p->cargo[i]);
    }
}

static void close_pair(struct pair *p)
{
    stream_close(&p->stream[0]);
    stream_close(&p->stream[1]);
}

static size_t read_some(struct pair *p, char *into, size_t room)
{
    size_t got = 0;

    assert_int_equal(stream_read(&p->stream[1], into, room, DEADLINE_NEVER, &got), IO_OK);
    return got;
}

static bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

static void a_descriptor_travels_with_the_bytes(void **state)
{
    struct pair p;
    char text[8] = "";
    int fds[2];

    (void)state;
    open_pair(&p);
    assert_int_equal(pipe(fds), 0);
    p.cargo[0].out = fds[1];
    assert_int_equal(stream_write_all(&p.stream[0], STR("one"), DEADLINE_NEVER), IO_OK);
    assert_int_equal(p.cargo[0].out, -1);
    assert_false(is_open(fds[1])); /* ours has gone */
    assert_int_equal(read_some(&p, text, sizeof text), 3);
    int got = cargo_take(&p.cargo[1]);
    assert_true(got >= 0);
    assert_int_equal(cargo_take(&p.cargo[1]), -1);
    assert_int_equal(write(got, "x", 1), 1);
    assert_int_equal(read(fds[0], text, 1), 1);
    close(got);
    close(fds[0]);
    close_pair(&p);
}

static void bytes_without_one_are_bytes(void **state)
{
    struct pair p;
    char text[8] = "";
    size_t got;

    (void)state;
    open_pair(&p);
    assert_int_equal(stream_read(&p.stream[1], text, 8, DEADLINE_NOW, &got), IO_TIMEOUT);
    assert_int_equal(stream_write_all(&p.stream[0], STR("two"), DEADLINE_NEVER), IO_OK);
    assert_int_equal(read_some(&p, text, sizeof text), 3);
    assert_string_equal(text, "two");
    assert_int_equal(cargo_take(&p.cargo[1]), -1);
    close_pair(&p);
}

/* Who sends several, or what nobody takes, fills no table. */
static void what_nobody_takes_is_closed(void **state)
{
    struct pair p;
    char text[8] = "x";
    int before = dup(0), fds[2] = { dup(0), dup(0) };
    struct iovec payload = { text, 1 };
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(2 * sizeof(int))];
    } control = { 0 };
    struct msghdr m = { .msg_iov = &payload, .msg_iovlen = 1, .msg_control = control.space };

    (void)state;
    open_pair(&p);
    m.msg_controllen = sizeof control.space;
    *CMSG_FIRSTHDR(&m) = (struct cmsghdr){ CMSG_LEN(sizeof fds), SOL_SOCKET, SCM_RIGHTS };
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, sizeof fds);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sendmsg(p.stream[0].fd, &m, 0), 1);
        assert_int_equal(read_some(&p, text, sizeof text), 1);
    }
    close_pair(&p);
    close(fds[0]);
    close(fds[1]);
    close(before);
    int after = dup(0);
    assert_int_equal(after, before);
    close(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_descriptor_travels_with_the_bytes),
        cmocka_unit_test(bytes_without_one_are_bytes),
        cmocka_unit_test(what_nobody_takes_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
