/* A daemon for the tests of master(8) and lib/service: it does what its client says.  Under the name
 * toymulti it serves many clients in one loop, as toytrigger it takes triggers. */
#include "base/log.h"
#include "os/fd.h"
#include "service/service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMAND_MAX 256

static int clients; /* of toymulti */

static void answer_who(struct service *svc, int fd)
{
    BUF_AUTO(text, COMMAND_MAX);

    buf_addf(&text, "%d " STR_FMT " %d %d " STR_FMT "\n", (int)getpid(), STR_ARG(service_name(svc)),
             (int)geteuid(), service_is_stressed(svc), STR_ARG(service_passed(svc)));
    (void)!fd_write_all(fd, buf_str(&text));
}

/* What would somebody who has taken over this process get? */
static void answer_powers(int fd)
{
    BUF_AUTO(text, COMMAND_MAX);
    int file = open("/etc/passwd", O_RDONLY);
    int file_error = file < 0 ? errno : 0;
    int net = socket(AF_INET, SOCK_STREAM, 0);
    int net_error = net < 0 ? errno : 0;
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    buf_addf(&text, "open=%d socket=%d fork=%d\n", file_error, net_error, child < 0 ? errno : 0);
    (void)!fd_write_all(fd, buf_str(&text));
}

static void obey(struct service *svc, int fd, struct str command)
{
    if (str_equal(command, STR("who")))
        answer_who(svc, fd);
    else if (str_equal(command, STR("powers")))
        answer_powers(fd);
    else if (str_equal(command, STR("crash")))
        abort();
    else if (str_equal(command, STR("exec")))
        (void)execl("/bin/true", "true", (char *)NULL);
    else if (str_equal(command, STR("fail")))
        log_fatal("as the client wished");
    else if (str_equal(command, STR("log")))
        log_info("a line for the log");
}

static void serve_single(struct service *svc, int fd)
{
    BUF_AUTO(in, COMMAND_MAX);

    while (fd_read(fd, &in, COMMAND_MAX) == IO_OK) {
        obey(svc, fd, str_trim(buf_str(&in)));
        buf_clear(&in);
    }
}

static void serve_event(void *context, int fd, uint32_t events)
{
    struct service *svc = context;
    BUF_AUTO(in, COMMAND_MAX);

    (void)events;
    enum io_result result = fd_read(fd, &in, COMMAND_MAX);
    if (result == IO_OK) {
        obey(svc, fd, str_trim(buf_str(&in)));
    } else if (result != IO_TIMEOUT) {
        loop_unwatch(service_loop(svc), fd);
        close(fd);
        clients--;
    }
}

static void serve_multi(struct service *svc, int fd)
{
    clients++;
    loop_watch(service_loop(svc), fd, EPOLLIN, serve_event, svc);
}

static bool has_no_clients(struct service *svc)
{
    (void)svc;
    return clients == 0;
}

static void take_trigger(struct service *svc, struct str request)
{
    (void)svc;
    log_info("trigger " STR_FMT, STR_ARG(request));
}

static void fail_when_told(struct service *svc)
{
    struct stat st;

    (void)svc;
    if (stat("toy-must-fail", &st) == 0)
        log_fatal("told to fail");
}

static const struct sandbox_path no_paths[] = { { NULL, SANDBOX_READ } };

static const struct service_spec toys[] = {
    { .name = "toyd",
      .kind = SERVICE_SINGLE,
      .sandbox = SANDBOX_SERVICE,
      .paths = no_paths,
      .process_limit = -1,
      .before_jail = fail_when_told,
      .serve = serve_single },
    { .name = "toymulti",
      .kind = SERVICE_MULTI,
      .sandbox = SANDBOX_SERVICE,
      .paths = no_paths,
      .process_limit = 1,
      .no_max_use = true,
      .drains = true,
      .serve = serve_multi,
      .may_leave = has_no_clients },
    { .name = "toytrigger",
      .kind = SERVICE_TRIGGER,
      .sandbox = SANDBOX_SERVICE,
      .process_limit = -1,
      .trigger = take_trigger },
};

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash ? slash + 1 : argv[0];

    for (size_t i = 0; i < ARRAY_LEN(toys); i++)
        if (strcmp(toys[i].name, name) == 0)
            service_main(&toys[i], argc, argv);
    service_main(&toys[0], argc, argv);
}
