/* Preloaded into every daemon: what does it get from its siblings by path, once it is in its jail?  One line for each
 * socket goes to a file that was opened before. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define OUT 900

static char sockets[8192];

__attribute__((constructor)) static void prepare(void)
{
    char path[256];
    int list = open("/var/tmp/doors/sockets", O_RDONLY);

    if (list < 0)
        return;
    if (read(list, sockets, sizeof sockets - 1) < 0)
        sockets[0] = '\0';
    close(list);
    /* One process of each program; the others serve, so that a program can try itself. */
    snprintf(path, sizeof path, "/var/tmp/doors/said-%s", program_invocation_short_name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        sockets[0] = '\0';
        return;
    }
    dup3(fd, OUT, O_CLOEXEC);
    close(fd);
}

static const char *what_happens(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd < 0)
        return "refused";
    strncpy(a.sun_path, path, sizeof a.sun_path - 1);
    int result = connect(fd, (struct sockaddr *)&a, sizeof a);
    close(fd);
    return result == 0 ? "connected" : "refused";
}

static void probe(void)
{
    char list[sizeof sockets], line[400];

    memcpy(list, sockets, sizeof list);
    for (char *path = strtok(list, "\n"); path; path = strtok(NULL, "\n")) {
        int n = snprintf(line, sizeof line, "%s: %s\n", path, what_happens(path));
        (void)!write(OUT, line, (size_t)n);
    }
    (void)!write(OUT, "done\n", 5);
}

int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
    static int probed;
    int (*real)(int, struct epoll_event *, int, int) = dlsym(RTLD_NEXT, "epoll_wait");

    if (!probed && sockets[0] && geteuid() != 0) { /* root may go anywhere */
        probed = 1;
        probe();
    }
    return real(epoll, events, max, timeout);
}
