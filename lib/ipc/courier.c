#include "ipc/courier.h"

#include "base/mem.h"
#include "ipc/channel.h"
#include "os/cargo.h"
#include "os/door.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define HEAD_BYTES    5 /* of a frame */
#define READ_SIZE     4096UL
#define OPEN_AGAIN_MS 100

struct request {
    struct request *next;
    courier_answer_fn *fn;
    void *context;
    int64_t until;       /* ms; meaningful with a deadline */
    uint64_t end;        /* of its frame among the bytes of its connection */
    uint64_t connection; /* serial */
};

struct courier {
    struct loop *loop;
    const struct courier_rules *rules;
    void *context;
    struct stream stream;
    struct cargo cargo;
    struct loop_timer *again;     /* for one that is being made */
    int tries;                    /* for it so far */
    uint64_t connection;          /* serial of this or the next one */
    struct request *first, **end; /* that wait for their answers, in order */
    struct buf out, in;
    uint64_t written;            /* bytes of this connection */
    struct loop_timer *deadline; /* of the first request */
    bool running, ended;         /* in a callback; and it was freed there */
    char service[];
};

static void on_ready(void *context, int fd, uint32_t events);

int courier_open(struct str service)
{
    BUF_AUTO(path, 256);

    buf_join(&path, STR("private/"), service);
    if (path.full) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return door_connect(buf_cstr(&path), 0);
}

struct courier *courier_new(struct loop *loop, const struct courier_rules *rules,
                            struct str service, void *context)
{
    struct courier *c = mem_alloc(sizeof *c + service.len + 1);

    memcpy(c->service, service.ptr, service.len);
    c->loop = loop;
    c->rules = rules;
    c->context = context;
    c->stream = (struct stream)STREAM_NONE;
    c->cargo = (struct cargo)CARGO_NONE;
    c->in = BUF_INIT(rules->answer_max + HEAD_BYTES);
    c->end = &c->first;
    return c;
}

static void disconnect(struct courier *c)
{
    loop_unwatch(c->loop, c->stream.fd);
    stream_close(&c->stream);
    fd_close(&c->cargo.out);
    loop_timer_cancel(c->loop, &c->again);
    buf_clear(&c->out);
    buf_clear(&c->in);
    c->written = 0;
    c->tries = 0;
    c->connection++;
}

static struct request take_first(struct courier *c)
{
    struct request *r = c->first, taken = *r;

    c->first = r->next;
    if (c->first == NULL)
        c->end = &c->first;
    free(r);
    return taken;
}

void courier_free(struct courier *c)
{
    if (c == NULL)
        return;
    disconnect(c);
    if (c->running) {
        c->ended = true;
        return;
    }
    loop_timer_cancel(c->loop, &c->deadline);
    while (c->first)
        (void)take_first(c);
    buf_free(&c->out);
    buf_free(&c->in);
    free(c);
}

/* Around everything that calls back. */
static void leave(struct courier *c)
{
    c->running = false;
    if (c->ended)
        courier_free(c);
}

/* ---- ends of requests ---- */

static void end_first(struct courier *c, const struct courier_answer *answer)
{
    struct request ended = take_first(c);

    ended.fn(ended.context, answer);
}

/* What was not written whole cannot have been read whole.  A UNIX socket that is closed with unread input resets the
 * connection; that input ends with the last request. */
static bool is_unread(const struct request *r, uint64_t written, bool reset)
{
    return r->end > written || (reset && r->next == NULL);
}

/* The connection is over; `result` is for the request whose turn it was. */
static void break_off(struct courier *c, enum courier_result result, int error)
{
    uint64_t connection = c->connection, written = c->written;

    disconnect(c);
    while (!c->ended && c->first && c->first->connection == connection) {
        struct courier_answer answer = { .result = result, .error = error };

        if (result == COURIER_LOST && is_unread(c->first, written, error == ECONNRESET))
            answer.result = COURIER_UNREAD;
        else if (result == COURIER_NONSENSE || result == COURIER_LATE)
            result = COURIER_LOST; /* of the others */
        end_first(c, &answer);
    }
}

/* Nothing is asked of the peer. */
static void be_left(struct courier *c)
{
    disconnect(c);
    if (c->rules->gone)
        c->rules->gone(c->context);
}

static void on_deadline(void *context);

static void watch_deadline(struct courier *c)
{
    if (c->rules->deadline_ms && c->deadline == NULL && c->first)
        c->deadline =
            loop_timer_start(c->loop, MAX(c->first->until - clock_now_ms(), 0), on_deadline, c);
}

static void on_deadline(void *context)
{
    struct courier *c = context;

    c->deadline = NULL;
    c->running = true;
    if (c->first && c->first->until <= clock_now_ms())
        break_off(c, COURIER_LATE, ETIMEDOUT);
    if (!c->ended)
        watch_deadline(c);
    leave(c);
}

/* ---- the connection ---- */

static bool may_pass(int error)
{
    return error == EAGAIN || error == EMFILE || error == ENFILE || error == ENOBUFS;
}

static void write_out(struct courier *c)
{
    size_t done = 0;

    switch (stream_write(&c->stream, buf_str(&c->out), DEADLINE_NOW, &done)) {
    case IO_OK:
        c->written += done;
        buf_consume(&c->out, done);
        break;
    case IO_TIMEOUT:
        break;
    case IO_EOF:
    case IO_ERROR:
        /* What the peer said before it left is still to be read; then comes the end. */
        (void)shutdown(c->stream.fd, SHUT_RDWR);
        buf_clear(&c->out);
        break;
    }
}

static void open_again(void *context);

/* False: errno.  True without a connection: a timer runs. */
static bool connect_now(struct courier *c)
{
    int fd = c->rules->open(str_from(c->service));

    if (fd >= 0) {
        stream_init(&c->stream, fd, 0);
        cargo_attach(&c->stream, &c->cargo);
        loop_watch(c->loop, fd, EPOLLIN, on_ready, c);
        return true;
    }
    c->tries++;
    if (!may_pass(errno) || (c->rules->open_tries && c->tries >= c->rules->open_tries))
        return false;
    c->again = loop_timer_start(c->loop, OPEN_AGAIN_MS, open_again, c);
    return true;
}

/* Leaves it to the loop to go on when the peer does not take all. */
static void push(struct courier *c)
{
    write_out(c);
    if (c->out.len)
        loop_watch(c->loop, c->stream.fd, EPOLLIN | EPOLLOUT, on_ready, c);
}

static void open_again(void *context)
{
    struct courier *c = context;

    c->again = NULL;
    c->running = true;
    if (!connect_now(c))
        break_off(c, COURIER_UNAVAILABLE, errno);
    else if (c->stream.fd >= 0)
        push(c);
    leave(c);
}

static void note_request(struct courier *c, courier_answer_fn *fn, void *context)
{
    struct request *r = mem_alloc(sizeof *r);

    r->fn = fn;
    r->context = context;
    r->until = c->rules->deadline_ms ? clock_now_ms() + c->rules->deadline_ms : 0;
    r->end = c->written + c->out.len;
    r->connection = c->connection;
    *c->end = r;
    c->end = &r->next;
    watch_deadline(c);
}

/* Puts the frame behind what is to be written.  `*pushing`: that is being written already. */
static bool queue_frame(struct courier *c, char kind, struct str body, bool *pushing)
{
    if (c->stream.fd < 0 && c->again == NULL && !connect_now(c)) {
        c->tries = 0;
        return false;
    }
    *pushing = c->out.len > 0;
    if (channel_frame(&c->out, kind, body))
        return true;
    errno = EMSGSIZE;
    return false;
}

bool courier_say(struct courier *c, char kind, struct str body)
{
    bool pushing;

    if (!queue_frame(c, kind, body, &pushing))
        return false;
    if (c->stream.fd >= 0 && !pushing)
        push(c);
    return true;
}

bool courier_send(struct courier *c, char kind, struct str body, courier_answer_fn *fn,
                  void *context)
{
    bool pushing;

    if (!queue_frame(c, kind, body, &pushing))
        return false;
    note_request(c, fn, context);
    if (c->stream.fd >= 0 && !pushing)
        push(c);
    return true;
}

bool courier_send_with(struct courier *c, char kind, struct str body, int fd, courier_answer_fn *fn,
                       void *context)
{
    c->cargo.out = fd;
    if (courier_send(c, kind, body, fn, context))
        return true;
    int saved = errno;
    fd_close(&c->cargo.out);
    errno = saved;
    return false;
}

/* ---- answers ---- */

/* Whole frames that have come; false: the peer breaks the protocol. */
static bool take_answers(struct courier *c)
{
    struct courier_answer answer = { .result = COURIER_ANSWERED };
    struct str in = buf_str(&c->in);
    bool bad = false;

    while (!c->ended && channel_split(&in, &answer.kind, &answer.body, &bad)) {
        if (c->first == NULL)
            return false;
        end_first(c, &answer);
    }
    if (!c->ended)
        buf_consume(&c->in, c->in.len - in.len);
    /* A frame that fills the buffer and is not complete is too long. */
    return !bad && c->in.len < c->in.max;
}

static void cut_off(struct courier *c)
{
    if (c->first)
        break_off(c, COURIER_NONSENSE, EBADMSG);
    else
        be_left(c);
}

static void read_in(struct courier *c)
{
    size_t room = MIN(READ_SIZE, c->in.max - c->in.len), got = 0;
    char *into = buf_reserve(&c->in, room);
    enum io_result result = stream_read(&c->stream, into, room, DEADLINE_NOW, &got);

    c->in.len += got;
    if (result == IO_TIMEOUT)
        return;
    if (c->first == NULL)
        be_left(c);
    else if (result != IO_OK)
        break_off(c, COURIER_LOST, result == IO_EOF ? 0 : errno);
    else if (!take_answers(c))
        cut_off(c);
}

static void on_ready(void *context, int fd, uint32_t events)
{
    struct courier *c = context;

    c->running = true;
    if ((events & EPOLLOUT) && c->out.len) {
        write_out(c);
        if (c->out.len == 0)
            loop_watch(c->loop, fd, EPOLLIN, on_ready, c);
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_in(c);
    leave(c);
}
