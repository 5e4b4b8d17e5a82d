#include "os/fd.h"
#include "os/logger.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void assert_matches(const char *text, const char *pattern)
{
    regex_t re;

    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&re, text, 0, NULL, 0) != 0)
        fail_msg("\"%s\" does not match %s", text, pattern);
    regfree(&re);
}

static int open_log_file(char *path)
{
    strcpy(path, "/tmp/logger_test.XXXXXX");
    return mkostemp(path, O_APPEND);
}

static void read_log(const char *path, struct buf *text)
{
    buf_clear(text);
    assert_true(fd_read_file(AT_FDCWD, path, text));
}

static void lines_of_a_file_have_the_known_form(void **state)
{
    char path[64];
    int fd = open_log_file(path);
    struct logger_options o = { .tag = "postfix/smtpd",
                                .hostname = "mx.example.com",
                                .file_fd = fd };
    BUF_AUTO(text, 4096);

    (void)state;
    logger_init(&o);
    log_info("connect from %s", "a[192.0.2.1]");
    log_warning("bad \001 byte");
    if (fork() == 0) {
        log_info("from a child");
        _exit(0);
    }
    (void)wait(NULL);
    read_log(path, &text);
    assert_matches(buf_cstr(&text), "^[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} mx "
                                    "postfix/smtpd\\[[0-9]+\\]: connect from a\\[192.0.2.1\\]\n"
                                    ".{16}mx postfix/smtpd\\[[0-9]+\\]: warning: bad \\? byte\n"
                                    ".{16}mx postfix/smtpd\\[[0-9]+\\]: from a child\n$");
    unlink(path);
}

static void text_is_cut_where_readers_have_buffers(void **state)
{
    char path[64], text[3001];
    int fd = open_log_file(path);
    struct logger_options o = { .tag = "t", .hostname = "h", .file_fd = fd };
    BUF_AUTO(got, 8192);

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    logger_init(&o);
    log_info("%s", text);
    log_warning("%s", text);
    read_log(path, &got);
    assert_matches(buf_cstr(&got), "^[^x]*: x{2000}\n[^x]*: warning: x{2000}\n$");
    unlink(path);
}

static int bind_datagram(char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    sprintf(path, "/tmp/logger_test.%d", (int)getpid());
    strcpy(a.sun_path, path);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void postlogd_takes_over_when_the_file_was_rotated(void **state)
{
    char path[64], socket_path[64], line[512] = "";
    int file = open_log_file(path), postlog = bind_datagram(socket_path);
    _Atomic uint32_t epoch = 1;
    struct logger_options o = { .tag = "postfix/qmgr", .hostname = "mx", .file_fd = file };
    BUF_AUTO(text, 4096);

    (void)state;
    o.postlog_path = socket_path;
    o.file_epoch = &epoch;
    logger_init(&o);
    log_info("one");
    epoch++;
    log_info("two");
    read_log(path, &text);
    assert_matches(buf_cstr(&text), "qmgr\\[[0-9]+\\]: one\n$");
    assert_true(recv(postlog, line, sizeof line - 1, MSG_DONTWAIT) > 0);
    assert_matches(line, "mx postfix/qmgr\\[[0-9]+\\]: two$");
    close(postlog);
    unlink(socket_path);
    unlink(path);
}

static void the_file_is_written_when_postlogd_is_not_there(void **state)
{
    char path[64];
    int fd = open_log_file(path);
    struct logger_options o = { .tag = "postfix/postsuper", .hostname = "mx", .file_fd = -1 };
    BUF_AUTO(text, 4096);

    (void)state;
    close(fd);
    o.postlog_path = "/tmp/no-such-socket";
    o.direct_path = path;
    logger_init(&o);
    errno = EAGAIN;
    log_error("early");
    assert_int_equal(errno, EAGAIN); /* logging is no reason to lose the error that is logged */
    read_log(path, &text);
    assert_matches(buf_cstr(&text), "postsuper\\[[0-9]+\\]: error: early\n$");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_a_file_have_the_known_form),
        cmocka_unit_test(text_is_cut_where_readers_have_buffers),
        cmocka_unit_test(postlogd_takes_over_when_the_file_was_rotated),
        cmocka_unit_test(the_file_is_written_when_postlogd_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
