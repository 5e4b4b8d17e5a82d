#include "os/link.h"
#include "os/socket.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANY (4UL * 1024 * 1024) /* more than a socket holds */

static volatile bool called_off;

static void on_signal(int signal_number UNUSED) {}
static void on_call_off(int signal_number UNUSED) { called_off = true; }

/* Signals end system calls. */
static void handle(void (*handler)(int))
{
    struct sigaction a = { .sa_handler = handler };

    assert_int_equal(sigaction(SIGUSR1, &a, NULL), 0);
}

/* A stream and the other end of its socket. */
static int pair_of(struct stream *s, int64_t kernel_ms)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    stream_init(s, fds[0], kernel_ms);
    return fds[1];
}

/* ---- a peer that acts after the stream has begun to wait ---- */

struct peer {
    int fd;
    pthread_t waiter;
    bool hangs_up;
    size_t reads; /* bytes that it takes */
};

static bool sleeps(pthread_t who UNUSED) { return poll(NULL, 0, 20) == 0; }

/* Signals hit the waiter first, again and again; then come the bytes. */
static void *interrupt_and_act(void *context)
{
    struct peer *p = context;
    char taken[4096];

    for (int i = 0; i < 3 && sleeps(p->waiter); i++)
        (void)pthread_kill(p->waiter, SIGUSR1);
    while (p->reads) {
        ssize_t n = read(p->fd, taken, MIN(p->reads, sizeof taken));
        if (n <= 0)
            break;
        p->reads -= (size_t)n;
    }
    if (p->hangs_up)
        (void)shutdown(p->fd, SHUT_RDWR);
    else
        (void)send(p->fd, "hello", 5, MSG_NOSIGNAL);
    return NULL;
}

static pthread_t begin(struct peer *p)
{
    pthread_t thread;

    p->waiter = pthread_self();
    assert_int_equal(pthread_create(&thread, NULL, interrupt_and_act, p), 0);
    return thread;
}

/* ---- cases ---- */

/* A system call that waits by the kernel's time, and a poll. */
static const struct deadline_case {
    int64_t kernel_ms;
    int64_t left_ms; /* -1: never */
} ways_to_wait[] = { { 0, -1 }, { 60000, -1 }, { 60000, 600000 }, { 60000, 30000 }, { 0, 30000 } };

static struct deadline deadline_of(const struct deadline_case *c)
{
    return c->left_ms < 0 ? DEADLINE_NEVER : deadline_in_ms(c->left_ms);
}

static void an_interrupted_read_goes_on(void **state UNUSED)
{
    char text[16];
    size_t got = 0;

    handle(on_signal);
    for (size_t i = 0; i < ARRAY_LEN(ways_to_wait); i++) {
        struct stream s;
        struct peer p = { .fd = pair_of(&s, ways_to_wait[i].kernel_ms) };
        pthread_t thread = begin(&p);

        assert_int_equal(stream_read(&s, text, sizeof text, deadline_of(&ways_to_wait[i]), &got),
                         IO_OK);
        assert_int_equal(got, 5);
        pthread_join(thread, NULL);
        stream_close(&s);
        close(p.fd);
    }
}

static void interrupted_and_short_writes_go_on_to_the_end(void **state UNUSED)
{
    char *much = calloc(1, MANY);

    handle(on_signal);
    for (size_t i = 0; i < ARRAY_LEN(ways_to_wait); i++) {
        struct stream s;
        struct peer p = { .fd = pair_of(&s, ways_to_wait[i].kernel_ms), .reads = MANY };
        pthread_t thread = begin(&p);

        assert_int_equal(
            stream_write_all(&s, (struct str){ much, MANY }, deadline_of(&ways_to_wait[i])), IO_OK);
        pthread_join(thread, NULL);
        assert_int_equal(p.reads, 0);
        stream_close(&s);
        close(p.fd);
    }
    free(much);
}

static void a_deadline_that_is_now_takes_what_is_there(void **state UNUSED)
{
    struct stream s;
    int peer = pair_of(&s, 0);
    char text[16], *much = calloc(1, MANY);
    size_t n = 0;

    assert_int_equal(stream_read(&s, text, sizeof text, DEADLINE_NOW, &n), IO_TIMEOUT);
    assert_int_equal(errno, ETIMEDOUT);
    assert_int_equal(send(peer, "abc", 3, 0), 3);
    assert_int_equal(stream_read(&s, text, sizeof text, DEADLINE_NOW, &n), IO_OK);
    assert_int_equal(n, 3);
    assert_int_equal(stream_write(&s, (struct str){ much, MANY }, DEADLINE_NOW, &n), IO_OK);
    assert_true(n > 0 && n < MANY);
    assert_int_equal(stream_write_all(&s, (struct str){ much, MANY }, DEADLINE_NOW), IO_TIMEOUT);
    stream_close(&s);
    close(peer);
    free(much);
}

static void a_wait_ends_at_its_deadline(void **state UNUSED)
{
    struct stream s;
    int peer = pair_of(&s, 60000);
    char text[16];
    size_t n;

    assert_int_equal(stream_read(&s, text, sizeof text, deadline_in_ms(20), &n), IO_TIMEOUT);
    stream_close(&s);
    close(peer);
}

static void the_kernels_time_alone_ends_a_wait_without_a_deadline_only(void **state UNUSED)
{
    struct stream s;
    struct peer p = { .fd = pair_of(&s, 10) };
    struct timeval tick = { .tv_usec = 10000 };
    char text[16];
    size_t n;

    assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick), 0);
    assert_int_equal(stream_read(&s, text, sizeof text, DEADLINE_NEVER, &n), IO_TIMEOUT);
    handle(on_signal);
    pthread_t thread = begin(&p);
    assert_int_equal(stream_read(&s, text, sizeof text, deadline_in(60), &n), IO_OK);
    pthread_join(thread, NULL);
    stream_close(&s);
    close(p.fd);
}

static void a_peer_that_closes_is_an_end_and_then_an_error(void **state UNUSED)
{
    struct stream s;
    int peer = pair_of(&s, 0);
    char text[16];
    size_t n;

    close(peer);
    assert_int_equal(stream_read(&s, text, sizeof text, DEADLINE_NEVER, &n), IO_EOF);
    assert_int_equal(stream_write_all(&s, STR("x"), DEADLINE_NEVER), IO_ERROR);
    assert_int_equal(errno, EPIPE);
    stream_close(&s);
    assert_int_equal(s.fd, -1);
    assert_int_equal(stream_write_all(&s, STR("x"), DEADLINE_NEVER), IO_ERROR);
    assert_int_equal(errno, EBADF);
}

static void a_peer_that_hangs_up_ends_a_wait(void **state UNUSED)
{
    struct stream s;
    struct peer p = { .fd = pair_of(&s, 0), .hangs_up = true };
    char text[16];
    size_t n;

    handle(on_signal);
    pthread_t thread = begin(&p);
    assert_int_equal(stream_read(&s, text, sizeof text, deadline_in(60), &n), IO_EOF);
    pthread_join(thread, NULL);
    stream_close(&s);
    close(p.fd);
}

static void who_is_called_off_waits_no_more(void **state UNUSED)
{
    handle(on_call_off);
    for (size_t i = 0; i < ARRAY_LEN(ways_to_wait); i++) {
        struct stream s;
        struct peer p = { .fd = pair_of(&s, ways_to_wait[i].kernel_ms), .reads = 1 };
        char text[16];
        size_t n;

        called_off = false;
        s.called_off = &called_off;
        pthread_t thread = begin(&p);
        assert_int_equal(stream_read(&s, text, sizeof text, deadline_of(&ways_to_wait[i]), &n),
                         IO_TIMEOUT);
        /* What needs no waiting still goes. */
        assert_int_equal(stream_write_all(&s, STR("421"), DEADLINE_NEVER), IO_OK);
        pthread_join(thread, NULL);
        assert_int_equal(stream_read(&s, text, sizeof text, DEADLINE_NEVER, &n), IO_OK);
        assert_int_equal(stream_read(&s, text, sizeof text, DEADLINE_NEVER, &n), IO_TIMEOUT);
        stream_close(&s);
        close(p.fd);
    }
}

static void a_pipe_is_a_connection_too(void **state UNUSED)
{
    struct stream in, out;
    char text[16];
    size_t n;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    stream_init(&in, fds[0], 0);
    stream_init(&out, fds[1], 0);
    assert_int_equal(stream_read(&in, text, sizeof text, DEADLINE_NOW, &n), IO_TIMEOUT);
    assert_int_equal(stream_write_all(&out, STR("ab"), DEADLINE_NEVER), IO_OK);
    assert_int_equal(stream_write_all(&out, STR("cd"), deadline_in(60)), IO_OK);
    assert_int_equal(stream_read(&in, text, 2, DEADLINE_NEVER, &n), IO_OK);
    assert_int_equal(stream_read(&in, text, sizeof text, deadline_in(60), &n), IO_OK);
    assert_memory_equal(text, "cd", 2);
    stream_close(&out);
    assert_int_equal(stream_read(&in, text, sizeof text, DEADLINE_NOW, &n), IO_EOF);
    stream_close(&in);
}

static void a_descriptor_of_somebody_else_stays_open(void **state UNUSED)
{
    struct stream s;
    int peer = pair_of(&s, 0), fd = s.fd;

    stream_release(&s);
    assert_int_equal(s.fd, -1);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    close(fd);
    close(peer);
}

/* ---- other operations than the plain ones ---- */

/* Carries what it holds, and wants to write before it can read on. */
struct carrier {
    size_t held;
    bool has_written, ended;
};

static ssize_t carrier_read(struct stream *s, char *into, size_t room, bool wait UNUSED)
{
    struct carrier *c = s->state;

    if (c->held) {
        size_t n = MIN(c->held, room);
        memset(into, 'h', n);
        c->held -= n;
        return (ssize_t)n;
    }
    if (!c->has_written) {
        c->has_written = true;
        s->wants = POLLOUT;
        errno = EAGAIN;
        return -1;
    }
    return read(s->fd, into, room);
}

static ssize_t carrier_write(struct stream *s, struct str bytes, bool wait UNUSED)
{
    return write(s->fd, bytes.ptr, MIN(bytes.len, (size_t)1));
}

static bool carrier_pending(const struct stream *s)
{
    return ((const struct carrier *)s->state)->held > 0;
}

static void carrier_end(struct stream *s) { ((struct carrier *)s->state)->ended = true; }

static void what_carries_the_bytes_may_hold_some_and_want_what_it_likes(void **state UNUSED)
{
    static const struct stream_ops ops = { carrier_read, carrier_write, carrier_pending,
                                           carrier_end };
    struct carrier c = { .held = 3 };
    struct stream s;
    int peer = pair_of(&s, 0);
    char text[16];
    size_t n;

    s.ops = &ops;
    s.state = &c;
    /* Nothing is in the socket: what is held must not wait for it. */
    assert_false(stream_is_quiet(&s, 0));
    assert_int_equal(stream_read(&s, text, 2, deadline_in(60), &n), IO_OK);
    assert_int_equal(stream_read(&s, text, 2, deadline_in(60), &n), IO_OK);
    assert_int_equal(n, 1);
    assert_true(stream_is_quiet(&s, 0));
    assert_int_equal(send(peer, "abc", 3, 0), 3);
    assert_int_equal(stream_read(&s, text, sizeof text, deadline_in(60), &n), IO_OK);
    assert_int_equal(n, 3);
    assert_int_equal(stream_write_all(&s, STR("answer"), deadline_in(60)), IO_OK);
    assert_int_equal(read(peer, text, sizeof text), 6);
    stream_close(&s);
    assert_true(c.ended);
    close(peer);
}

/* ---- the buffers of a link ---- */

static void a_link_that_is_full_says_so(void **state UNUSED)
{
    struct stream far;
    int near = pair_of(&far, 0);
    struct link l;

    link_init(&l, near, 10, 4, 0);
    assert_int_equal(stream_write_all(&far, STR("abcdef"), DEADLINE_NEVER), IO_OK);
    assert_int_equal(link_fill(&l), IO_OK);
    assert_int_equal(l.in.len, 4);
    assert_int_equal(link_fill(&l), IO_ERROR);
    assert_int_equal(errno, EMSGSIZE);
    buf_consume(&l.in, 4);
    assert_int_equal(link_fill(&l), IO_OK);
    assert_int_equal(l.in.len, 2);
    stream_close(&far);
    assert_int_equal(link_fill(&l), IO_EOF);
    link_close(&l);
    assert_false(link_is_open(&l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interrupted_read_goes_on),
        cmocka_unit_test(interrupted_and_short_writes_go_on_to_the_end),
        cmocka_unit_test(a_deadline_that_is_now_takes_what_is_there),
        cmocka_unit_test(a_wait_ends_at_its_deadline),
        cmocka_unit_test(the_kernels_time_alone_ends_a_wait_without_a_deadline_only),
        cmocka_unit_test(a_peer_that_closes_is_an_end_and_then_an_error),
        cmocka_unit_test(a_peer_that_hangs_up_ends_a_wait),
        cmocka_unit_test(who_is_called_off_waits_no_more),
        cmocka_unit_test(a_pipe_is_a_connection_too),
        cmocka_unit_test(a_descriptor_of_somebody_else_stays_open),
        cmocka_unit_test(what_carries_the_bytes_may_hold_some_and_want_what_it_likes),
        cmocka_unit_test(a_link_that_is_full_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
