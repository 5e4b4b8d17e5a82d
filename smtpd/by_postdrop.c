#include "smtpd/by_postdrop.h"

#include "base/log.h"
#include "base/number.h"
#include "conf/params.h"
#include "ipc/attr.h"
#include "ipc/messages/cleanup.h"
#include "queue/record.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPLY_MAX (64UL * 1024)

/* Between the server and one postdrop(1) for each message. */
struct bridge {
    struct channel server;
    pid_t pid;      /* of postdrop; 0: no message is under way */
    int feed, said; /* its standard input and output */
    struct buf reply;
    size_t taken; /* of the reply */
    bool in_content;
};

/* ---- postdrop ---- */

static NORETURN void become_postdrop(int in, int out)
{
    BUF_AUTO(path, 0);

    buf_join(&path, site_conf.command_directory, STR("/postdrop"));
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
        execl(buf_cstr(&path), "postdrop", "-r", (char *)NULL);
    log_warning("execute %s: %s", buf_cstr(&path), strerror(errno));
    _exit(1);
}

static bool start(struct bridge *b)
{
    int feed[2], said[2];

    if (pipe2(feed, O_CLOEXEC) != 0)
        return false;
    if (pipe2(said, O_CLOEXEC) != 0) {
        close(feed[0]);
        close(feed[1]);
        return false;
    }
    if ((b->pid = fork()) == 0)
        become_postdrop(feed[0], said[1]);
    close(feed[0]);
    close(said[1]);
    b->feed = feed[1];
    b->said = said[0];
    buf_clear(&b->reply);
    b->taken = 0;
    b->in_content = false;
    return b->pid > 0;
}

static void finish(struct bridge *b, int signal)
{
    if (b->pid > 0 && signal)
        (void)kill(b->pid, signal);
    fd_close(&b->feed);
    fd_close(&b->said);
    while (b->pid > 0 && waitpid(b->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    b->pid = 0;
}

/* The next list that postdrop writes; it stays valid until the one after it. */
static bool read_list(struct bridge *b, struct str *list)
{
    size_t length;

    buf_consume(&b->reply, b->taken);
    while ((length = attr_list_length(buf_str(&b->reply))) == 0)
        if (fd_read(b->said, &b->reply, 4096) != IO_OK)
            return false;
    b->taken = length;
    *list = str_sub(buf_str(&b->reply), 0, length);
    return true;
}

/* Its value, or nothing. */
static struct str list_value(struct str list, const char *wanted)
{
    struct str name, value;
    bool incomplete;

    while (attr_take(&list, &name, &value, &incomplete))
        if (str_equal(name, str_from(wanted)))
            return value;
    return STR("");
}

/* ---- what the server asks cleanup for ---- */

static bool tell_options(struct bridge *b, int sendopts)
{
    struct record_size size = { .sendopts = sendopts };
    char text[RECORD_SIZE_BYTES + 1];
    BUF_AUTO(out, 0);

    if (sendopts == 0)
        return true;
    record_size_format(&size, text);
    record_put(&out, REC_SIZE, (struct str){ text, RECORD_SIZE_BYTES });
    return fd_write_all(b->feed, buf_str(&out));
}

static bool open_message(struct bridge *b, struct str body)
{
    struct cleanup_open open;
    struct cleanup_ready ready;
    struct str list;

    if (!cleanup_open_decode(&body, &open) || !start(b) || !read_list(b, &list))
        return false;
    ready.queue_id = list_value(list, "queue_id");
    cleanup_ready_encode(channel_begin(&b->server, CLEANUP_SUBMIT_READY), &ready);
    return tell_options(b, open.sendopts) && channel_end(&b->server);
}

/* Of the envelope only what a user may say: postdrop would refuse the rest, and pickup(8) and cleanup(8) do
 * for their own part what it asks for. */
static bool passes(struct bridge *b, char type)
{
    static const char envelope[] = { REC_ATTR, REC_SENDER, REC_RCPT, REC_VERP, REC_MESSAGE, '\0' };

    if (b->in_content)
        return true;
    b->in_content = type == REC_MESSAGE;
    return strchr(envelope, type) != NULL;
}

static bool add_records(struct bridge *b, struct str records)
{
    struct record rec;
    BUF_AUTO(out, 0);

    while (records.len) {
        if (record_take(&records, &rec) != RECORD_OK)
            return false;
        if (passes(b, rec.type))
            record_put(&out, rec.type, rec.payload);
    }
    /* A postdrop that reads no more says why in the end. */
    return fd_write_all(b->feed, buf_str(&out)) || errno == EPIPE;
}

static bool end_message(struct bridge *b)
{
    struct cleanup_verdict verdict = { .status = CLEANUP_WRITE };
    int64_t status;
    struct str list;

    fd_close(&b->feed);
    if (read_list(b, &list)) {
        if (number_parse_range(list_value(list, "status"), 0, CLEANUP_SPACE, &status))
            verdict.status = (int)status;
        verdict.reason = list_value(list, "reason");
    }
    cleanup_verdict_encode(channel_begin(&b->server, CLEANUP_SUBMIT_VERDICT), &verdict);
    finish(b, 0);
    return channel_end(&b->server);
}

static bool take_request(struct bridge *b, char kind, struct str body)
{
    if (kind == CLEANUP_SUBMIT_OPEN)
        return b->pid == 0 && open_message(b, body);
    if (b->pid == 0)
        return false;
    switch (kind) {
    case CLEANUP_SUBMIT_RECORD:
        return add_records(b, body);
    case CLEANUP_SUBMIT_END:
        return end_message(b);
    case CLEANUP_SUBMIT_ABORT:
        finish(b, SIGTERM); /* before its input ends, or it would complain */
        return true;
    default:
        return false;
    }
}

static NORETURN void serve(int fd)
{
    struct bridge b = { .feed = -1, .said = -1, .reply = BUF_INIT(REPLY_MAX) };
    struct str body;
    char kind;

    (void)signal(SIGPIPE, SIG_IGN);
    channel_init(&b.server, fd, 0);
    while (channel_receive(&b.server, &kind, &body) == IO_OK && take_request(&b, kind, body))
        continue;
    finish(&b, SIGTERM);
    _exit(0);
}

bool by_postdrop_open(struct channel *c, int timeout_s)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        serve(pair[1]);
    }
    close(pair[1]);
    if (pid > 0)
        channel_init(c, pair[0], timeout_s);
    else
        close(pair[0]);
    return pid > 0;
}
