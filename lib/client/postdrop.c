#include "client/postdrop.h"

#include "base/log.h"
#include "base/number.h"
#include "ipc/attr.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPLY_MAX 4096

static char *const postdrop_argv[] = { (char[]){ "postdrop" }, (char[]){ "-r" }, NULL };

static bool start(struct postdrop_client *c, const char *command, int fd)
{
    posix_spawn_file_actions_t actions;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
    errno = posix_spawn(&c->pid, command, &actions, NULL, postdrop_argv, environ);
    bool ok = errno == 0;
    posix_spawn_file_actions_destroy(&actions);
    return ok;
}

static void finish(struct postdrop_client *c)
{
    link_close(&c->link);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* The value of `wanted` in the next list of attributes. */
static bool receive(struct postdrop_client *c, struct str wanted, struct buf *out)
{
    struct str in, name, value;
    bool incomplete, found = false;
    size_t length;

    while ((length = attr_list_length(buf_str(&c->link.in))) == 0)
        if (link_fill(&c->link) != IO_OK)
            return false;
    in = str_sub(buf_str(&c->link.in), 0, length);
    while (attr_take(&in, &name, &value, &incomplete)) {
        if (!str_equal(name, wanted))
            continue;
        buf_add(out, value);
        found = true;
    }
    buf_consume(&c->link.in, length);
    return found;
}

bool postdrop_client_open(struct postdrop_client *c, const char *command, int timeout_s,
                          struct queue_id *id)
{
    BUF_AUTO(text, 0);
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        log_warning("socketpair: %s", strerror(errno));
        return false;
    }
    bool started = start(c, command, pair[1]);
    close(pair[1]);
    link_init(&c->link, pair[0], timeout_s, REPLY_MAX, 0);
    if (!started) {
        log_warning("unable to execute %s: %s", command, strerror(errno));
        link_close(&c->link);
        return false;
    }
    if (receive(c, STR("queue_id"), &text) && queue_id_parse(buf_str(&text), id))
        return true;
    finish(c);
    return false;
}

struct buf *postdrop_client_records(struct postdrop_client *c) { return &c->link.out; }

bool postdrop_client_flush(struct postdrop_client *c)
{
    return !c->link.out.full && link_flush(&c->link) == IO_OK;
}

enum cleanup_status postdrop_client_end(struct postdrop_client *c)
{
    BUF_AUTO(text, 0);
    int64_t status = CLEANUP_WRITE;

    /* What refuses a message early says so and reads no more. */
    bool flushed = postdrop_client_flush(c);
    if (!receive(c, STR("status"), &text) || !number_parse(buf_str(&text), &status))
        status = CLEANUP_WRITE;
    finish(c);
    return flushed || status != CLEANUP_OK ? (enum cleanup_status)status : CLEANUP_WRITE;
}

void postdrop_client_abort(struct postdrop_client *c)
{
    kill(c->pid, SIGTERM); /* first, or it would complain about the incomplete message */
    finish(c);
}
