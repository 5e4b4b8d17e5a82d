/* A session as the operations of a stream.
 *
 * OpenSSL reads and writes through a BIO of ours, which knows whether the operation under way may wait.  A wait is left to
 * the kernel's own time, as for a plain stream: that is one system call, and what it brings is usually the whole record.
 * Only when it was not does the rest get a deadline, so that nobody gains time by sending byte by byte. */
#include "base/log.h"
#include "base/mem.h"
#include "tls/engine.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

/* ---- the descriptor ---- */

static int left_ms(const struct tls_session *t)
{
    const struct stream *s = t->stream;

    return s->called_off && *s->called_off ? 0 : deadline_left_ms(t->until);
}

/* False: the time is over. */
static bool wait_for(const struct tls_session *t, short events)
{
    struct pollfd p = { .fd = t->stream->fd, .events = events };
    int left, n = 0;

    while (n <= 0) {
        if ((left = left_ms(t)) == 0)
            return false;
        n = poll(&p, 1, left);
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
    }
    return true;
}

/* The flags of a system call that may be made now; -1: it must not, errno says why. */
static int flags_for(struct tls_session *t, short events)
{
    if (!t->wait)
        return MSG_DONTWAIT;
    if (!t->has_deadline) {
        bool first = !t->has_waited;
        t->has_waited = true;
        if (first)
            return 0;
        t->has_deadline = true;
        t->until = t->stream->kernel_ms ? deadline_in_ms(t->stream->kernel_ms) : DEADLINE_NEVER;
    }
    if (wait_for(t, events))
        return MSG_DONTWAIT;
    errno = ETIMEDOUT;
    return -1;
}

static void allow_waiting(struct tls_session *t, bool wait)
{
    t->wait = wait;
    t->has_waited = t->has_deadline = false;
    t->error = 0;
}

static void allow_until(struct tls_session *t, struct deadline until)
{
    allow_waiting(t, true);
    t->has_deadline = true;
    t->until = until;
}

/* ---- the BIO ---- */

static bool is_for_later(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ETIMEDOUT;
}

static int bio_result(BIO *bio, struct tls_session *t, ssize_t n, int retry)
{
    BIO_clear_retry_flags(bio);
    t->error = n < 0 ? errno : 0;
    if (n < 0 && is_for_later(t->error))
        BIO_set_flags(bio, retry);
    if (n == 0)
        t->at_end = true;
    return (int)n;
}

static int take_early(struct tls_session *t, char *into, int room)
{
    struct str bytes = str_sub(t->early, 0, (size_t)room);

    memcpy(into, bytes.ptr, bytes.len);
    t->early = str_skip(t->early, bytes.len);
    return (int)bytes.len;
}

static int bio_read(BIO *bio, char *into, int room)
{
    struct tls_session *t = BIO_get_data(bio);

    if (t->early.len)
        return take_early(t, into, room);
    int flags = flags_for(t, POLLIN);
    ssize_t n = flags < 0 ? -1 : recv(t->stream->fd, into, (size_t)room, flags);

    return bio_result(bio, t, n, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
}

/* There is nearly always room. */
static ssize_t send_some(struct tls_session *t, const char *bytes, size_t length)
{
    ssize_t n = send(t->stream->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n >= 0 || !t->wait || (errno != EAGAIN && errno != EWOULDBLOCK))
        return n;
    int flags = flags_for(t, POLLOUT);
    return flags < 0 ? -1 : send(t->stream->fd, bytes, length, flags | MSG_NOSIGNAL);
}

static int bio_write(BIO *bio, const char *bytes, int length)
{
    struct tls_session *t = BIO_get_data(bio);
    ssize_t n = send_some(t, bytes, (size_t)length);

    return bio_result(bio, t, n, BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY);
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    const struct tls_session *t = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return t->at_end;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method(void)
{
    static BIO_METHOD *method;

    if (method)
        return method;
    method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "stream");
    if (method == NULL)
        mem_exhausted();
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    return method;
}

static void attach_bio(struct tls_session *t)
{
    BIO *bio = BIO_new(bio_method());

    if (bio == NULL)
        mem_exhausted();
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
}

/* ---- operations of the stream ---- */

static ssize_t broken(struct tls_session *t, int error)
{
    t->broken = true;
    errno = error;
    return -1;
}

/* What a call that did not succeed is to its caller.  A peer that goes without its last word has gone all the same. */
static ssize_t failure(struct tls_session *t, int result)
{
    int kind = SSL_get_error(t->ssl, result);

    switch (kind) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        t->stream->wants = kind == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        errno = t->error == EINTR ? EINTR : EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        if (t->error)
            return broken(t, t->error);
        t->broken = true;
        return 0;
    default:
        errors_log();
        return broken(t, EPROTO);
    }
}

static ssize_t session_read(struct stream *s, char *into, size_t room, bool wait)
{
    struct tls_session *t = s->state;

    allow_waiting(t, wait);
    ERR_clear_error();
    int n = SSL_read(t->ssl, into, (int)MIN(room, (size_t)INT_MAX));
    return n > 0 ? n : failure(t, n);
}

static ssize_t session_write(struct stream *s, struct str bytes, bool wait)
{
    struct tls_session *t = s->state;

    allow_waiting(t, wait);
    ERR_clear_error();
    int n = SSL_write(t->ssl, bytes.ptr, (int)MIN(bytes.len, (size_t)INT_MAX));
    if (n > 0)
        return n;
    ssize_t result = failure(t, n);
    if (result < 0)
        return result;
    errno = EPIPE; /* nothing can be written any more */
    return -1;
}

static bool session_pending(const struct stream *s)
{
    const struct tls_session *t = s->state;

    return SSL_has_pending(t->ssl);
}

/* With tls_fast_shutdown_enable = no the peer's last word is waited for. */
static void say_goodbye(struct tls_session *t)
{
    allow_waiting(t, false);
    ERR_clear_error();
    if (SSL_shutdown(t->ssl) == 0 && !t->engine->common->tls_fast_shutdown_enable) {
        allow_until(t, deadline_in_ms(t->end_ms));
        (void)SSL_shutdown(t->ssl);
    }
    ERR_clear_error();
}

static void session_end(struct stream *s)
{
    struct tls_session *t = s->state;

    if (!t->broken)
        say_goodbye(t);
    session_free(t);
}

static const struct stream_ops operations = { session_read, session_write, session_pending,
                                              session_end };

/* ---- begin and end ---- */

struct tls_session *session_new(struct tls_engine *e, struct stream *s, struct str peer,
                                unsigned log, bool is_server)
{
    SSL *ssl = SSL_new(e->context);

    if (ssl == NULL) {
        log_warning("Could not allocate 'TLScontext->con' with SSL_new()");
        errors_log();
        return NULL;
    }
    struct tls_session *t = mem_alloc(sizeof *t);
    *t = (struct tls_session){ .ssl = ssl,
                               .stream = s,
                               .engine = e,
                               .arena = ARENA_INIT,
                               .log = log,
                               .is_server = is_server,
                               .fault_depth = -1 };
    t->peer = arena_str(&t->arena, peer);
    SSL_set_app_data(ssl, t);
    attach_bio(t);
    return t;
}

void session_free(struct tls_session *t)
{
    SSL_free(t->ssl);
    X509_free(t->faulty);
    arena_free(&t->arena);
    free(t);
}

static void log_failure(const struct tls_session *t, int result)
{
    const char *call = t->is_server ? "SSL_accept error from" : "SSL_connect error to";

    if (errors_are_queued()) {
        log_info("%s " STR_FMT ": %d", call, STR_ARG(t->peer), result < 0 ? -1 : 0);
        errors_log();
    } else {
        log_info("%s " STR_FMT ": %s", call, STR_ARG(t->peer),
                 t->error ? strerror(t->error) : "lost connection");
    }
}

static bool is_to_go_on(const struct tls_session *t, int result)
{
    int kind = SSL_get_error(t->ssl, result);

    return (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) && t->error != ETIMEDOUT;
}

/* A ticket goes out by itself: what is said next must not wait until the peer has acknowledged it.  Whether the kernel can
 * do that matters to nobody: a local socket has no such delay. */
static void send_at_once(int fd)
{
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void session_handshake_begin(struct tls_session *t)
{
    send_at_once(t->stream->fd);
    trace_start(t);
}

static bool end_handshake(struct tls_session *t, int result)
{
    trace_handshake_ended(t);
    if (result <= 0) {
        log_failure(t, result);
        return false;
    }
    t->stream->ops = &operations;
    t->stream->state = t;
    return true;
}

bool session_handshake(struct tls_session *t, int (*handshake)(SSL *ssl), struct deadline until)
{
    int result;

    allow_until(t, until);
    session_handshake_begin(t);
    do {
        ERR_clear_error();
        result = handshake(t->ssl);
    } while (result <= 0 && is_to_go_on(t, result));
    return end_handshake(t, result);
}

enum tls_progress session_handshake_go_on(struct tls_session *t, int (*handshake)(SSL *ssl))
{
    allow_waiting(t, false);
    ERR_clear_error();
    int result = handshake(t->ssl);
    if (result <= 0 && is_to_go_on(t, result)) {
        t->stream->wants = SSL_want_write(t->ssl) ? POLLOUT : POLLIN;
        return TLS_WAITS;
    }
    return end_handshake(t, result) ? TLS_DONE : TLS_FAILED;
}
