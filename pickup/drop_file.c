#include "pickup/drop_file.h"

#include "os/clock.h"
#include "os/fd.h"
#include "queue/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE_BEGUN    0644
#define MODE_COMPLETE 0744
#define ATTEMPTS      100

/* For the signal handler: what to remove.  Empty: nothing. */
static char unfinished[sizeof QUEUE_MAILDROP + 1 + sizeof(struct queue_id)];

void drop_file_remove(void)
{
    if (unfinished[0])
        (void)unlink(unfinished);
    unfinished[0] = '\0';
}

static void on_signal(int number)
{
    drop_file_remove();
    _exit(128 + number);
}

void drop_file_catch_signals(void)
{
    static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
    struct sigaction action = { .sa_handler = on_signal }, old;

    (void)sigfillset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (sigaction(numbers[i], &action, &old) == 0 && old.sa_handler == SIG_IGN)
            (void)sigaction(numbers[i], &old, NULL); /* nohup */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
}

static void block_signals(sigset_t *old)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, old);
}

/* A name that no queue reader takes for a message; `when` becomes part of the queue id. */
static int create_temporary(char *path, size_t room, struct timeval *when)
{
    int fd = -1;

    for (int i = 0; i < ATTEMPTS && fd < 0; i++) {
        *when = clock_wall();
        (void)snprintf(path, room, "%s/%ld.%ld", QUEUE_MAILDROP, (long)when->tv_usec,
                       (long)getpid());
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE_BEGUN);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    return fd;
}

static bool create(struct drop_file *f, bool long_id)
{
    char final[sizeof unfinished];
    struct timeval when;
    struct stat st;

    f->fd = create_temporary(unfinished, sizeof unfinished, &when);
    if (f->fd < 0) {
        unfinished[0] = '\0';
        return false;
    }
    if (fstat(f->fd, &st) != 0)
        return false;
    queue_id_make(when, st.st_ino, long_id, &f->id);
    (void)snprintf(final, sizeof final, "%s/%s", QUEUE_MAILDROP, f->id.text);
    if (rename(unfinished, final) != 0)
        return false;
    memcpy(unfinished, final, sizeof final);
    return true;
}

bool drop_file_create(struct drop_file *f, bool long_id)
{
    sigset_t old;

    block_signals(&old);
    bool created = create(f, long_id);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    if (!created) {
        int saved = errno;
        drop_file_remove();
        errno = saved;
    }
    return created;
}

bool drop_file_write(struct drop_file *f, struct str bytes) { return fd_write_all(f->fd, bytes); }

bool drop_file_commit(struct drop_file *f)
{
    if (fchmod(f->fd, MODE_COMPLETE) != 0 || fsync(f->fd) != 0) {
        int saved = errno;
        drop_file_remove();
        errno = saved;
        return false;
    }
    unfinished[0] = '\0';
    fd_close(&f->fd);
    return true;
}
