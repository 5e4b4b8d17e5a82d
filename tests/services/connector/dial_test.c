#include "base/mem.h"
#include "conf/params.h"
#include "os/fd.h"
#include "services/connector/dial.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    struct loop *loop;
    struct lookups *lookups;
    char place[32], path[64];
} t;

struct outcome {
    int calls, fd, error;
    char text[100];
};

static void note(void *context, int fd, int error, const char *text)
{
    struct outcome *o = context;

    o->calls++;
    o->fd = fd;
    o->error = error;
    (void)snprintf(o->text, sizeof o->text, "%s", text);
}

static struct outcome dial(const char *endpoint, int wait_s)
{
    struct outcome o = { .fd = -1 };
    struct dial d = DIAL_NONE;

    dial_start(&d, t.loop, t.lookups, str_from(endpoint), wait_s, note, &o);
    for (int64_t end = clock_now_ms() + 30000; o.calls == 0 && clock_now_ms() < end;)
        loop_run_once(t.loop, 100);
    assert_int_equal(o.calls, 1);
    assert_false(dial_is_under_way(&d));
    return o;
}

static int begin(void **state)
{
    (void)state;
    site_conf.inet_protocols = STR("all");
    (void)strcpy(t.place, "/tmp/dial-XXXXXX");
    if (mkdtemp(t.place) == NULL)
        return 1;
    (void)snprintf(t.path, sizeof t.path, "%s/socket", t.place);
    FD_AUTO(hosts, open("/tmp/dial-hosts", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    if (!fd_write_all(hosts, STR("127.0.0.1 filter.test\n")))
        return 1;
    t.loop = loop_new();
    t.lookups = lookups_open("/tmp/dial-hosts");
    lookups_use_loop(t.lookups, t.loop);
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)unlink(t.path);
    (void)unlink("/tmp/dial-hosts");
    (void)rmdir(t.place);
    return 0;
}

static int listen_unix(int backlog)
{
    (void)unlink(t.path);
    int fd = socket_unix_listen(t.path, SOCK_STREAM, 0600, backlog);

    assert_true(fd >= 0);
    return fd;
}

static int listen_inet(int *port)
{
    struct net_addr a;
    struct sockaddr_in bound;
    socklen_t len = sizeof bound;

    assert_true(net_addr_parse(STR("127.0.0.1"), 0, &a));
    int fd = socket_inet_listen(&a, 0, 5);
    assert_true(fd >= 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &len), 0);
    *port = ntohs(bound.sin_port);
    return fd;
}

/* Connected, and blocking without a limit. */
static void check_connection(struct outcome o, int listener)
{
    struct timeval limit = { 1, 1 };
    socklen_t len = sizeof limit;
    char got[4] = "";

    assert_int_equal(o.error, 0);
    FD_AUTO(mine, o.fd);
    FD_AUTO(theirs, accept(listener, NULL, NULL));
    assert_int_equal(fcntl(mine, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(getsockopt(mine, SOL_SOCKET, SO_SNDTIMEO, &limit, &len), 0);
    assert_true(limit.tv_sec == 0 && limit.tv_usec == 0);
    assert_true(fd_write_all(mine, STR("hi")));
    assert_int_equal(read(theirs, got, sizeof got), 2);
}

static void a_unix_socket_is_reached_by_its_path(void **state)
{
    char endpoint[80];

    (void)state;
    FD_AUTO(listener, listen_unix(5));
    (void)snprintf(endpoint, sizeof endpoint, "unix:%s", t.path);
    check_connection(dial(endpoint, 5), listener);
}

static void a_host_is_reached_by_address_and_by_name(void **state)
{
    char endpoint[80];
    int port;

    (void)state;
    FD_AUTO(listener, listen_inet(&port));
    static const char *const hosts[] = { "127.0.0.1", "[127.0.0.1]", "filter.test", "FILTER.test" };
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        (void)snprintf(endpoint, sizeof endpoint, "inet:%s:%d", hosts[i], port);
        check_connection(dial(endpoint, 5), listener);
    }
}

static void what_cannot_be_reached_says_why(void **state)
{
    static const struct {
        const char *endpoint;
        int error;
    } cases[] = {
        { "unix:/nonexistent/x", ENOENT },
        { "inet:127.0.0.1:1", ECONNREFUSED },
        { "inet:127.0.0.1", EINVAL },
        { "inet::25", EINVAL },
        { "inet:127.0.0.1:0", EINVAL },
        { "inet:127.0.0.1:no-such-service", EINVAL },
        { "pipe:x", EINVAL },
        { "", EINVAL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o = dial(cases[i].endpoint, 5);
        assert_int_equal(o.fd, -1);
        assert_int_equal(o.error, cases[i].error);
        assert_true(o.text[0] != '\0');
    }
}

static void a_path_that_fits_no_socket_is_refused(void **state)
{
    char endpoint[300] = "unix:/";

    (void)state;
    memset(endpoint + 6, 'x', 200);
    assert_int_equal(dial(endpoint, 5).error, ENAMETOOLONG);
}

static void a_full_queue_is_waited_for_until_the_time_is_up(void **state)
{
    char endpoint[80];

    (void)state;
    FD_AUTO(listener, listen_unix(0));
    assert_true(listener >= 0);
    (void)snprintf(endpoint, sizeof endpoint, "unix:%s", t.path);
    struct outcome first = dial(endpoint, 5);
    assert_int_equal(first.error, 0);
    assert_int_equal(dial(endpoint, 1).error, ETIMEDOUT);
    close(first.fd);
}

static void a_cancelled_dial_says_nothing_more(void **state)
{
    char endpoint[80];
    struct outcome o = { .fd = -1 };
    struct dial d = DIAL_NONE;

    (void)state;
    FD_AUTO(listener, listen_unix(0));
    assert_true(listener >= 0);
    (void)snprintf(endpoint, sizeof endpoint, "unix:%s", t.path);
    struct outcome first = dial(endpoint, 5);
    dial_start(&d, t.loop, t.lookups, str_from(endpoint), 1, note, &o);
    dial_cancel(&d);
    for (int i = 0; i < 10; i++)
        loop_run_once(t.loop, 20);
    assert_int_equal(o.calls, 0);
    close(first.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unix_socket_is_reached_by_its_path),
        cmocka_unit_test(a_host_is_reached_by_address_and_by_name),
        cmocka_unit_test(what_cannot_be_reached_says_why),
        cmocka_unit_test(a_path_that_fits_no_socket_is_refused),
        cmocka_unit_test(a_full_queue_is_waited_for_until_the_time_is_up),
        cmocka_unit_test(a_cancelled_dial_says_nothing_more),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
