/* tcp:host:port - a server that is asked line by line (tcp_wire). */
#include "base/log.h"
#include "table/driver.h"
#include "table/server.h"
#include "table/tcp_wire.h"

#include <errno.h>
#include <time.h>

#define TRIES 10

static const struct table_server_rules rules = { .timeout_s = 100,
                                                 .answer_max = TCP_WIRE_REPLY_MAX + 1 };

static void complain(const struct table *t, const char *what, struct str text)
{
    log_warning("read TCP map reply from " STR_FMT ": %s" STR_FMT, STR_ARG(t->name), what,
                STR_ARG(text));
}

static bool connect_to(struct table *t)
{
    BUF_AUTO(why, 0);

    if (table_server_connect(t->data, &why))
        return true;
    log_warning("connect to TCP map " STR_FMT ": " STR_FMT, STR_ARG(t->name),
                STR_ARG(buf_str(&why)));
    return false;
}

/* The line stays in the link. */
static bool read_line(struct table *t, struct link *l, struct str *line)
{
    errno = 0;
    while (!str_has(buf_str(&l->in), '\n')) {
        if (l->in.len >= rules.answer_max) {
            complain(t, "text longer than 4096", STR(""));
            return false;
        }
        if (link_fill(l) != IO_OK) {
            BUF_AUTO(why, 0);
            buf_join(&why, STR("("), str_from(strerror(errno)), STR(")"));
            complain(t, "unexpected EOF ", buf_str(&why));
            return false;
        }
    }
    *line = buf_str(&l->in);
    *line = str_cut(line, '\n');
    return true;
}

static enum table_result failed(struct table *t, const char *what, struct str line)
{
    if (what)
        complain(t, what, line);
    table_server_disconnect(t->data);
    return TABLE_ERROR;
}

static enum table_result take_reply(struct table *t, struct str line, struct str *value)
{
    switch (tcp_wire_read_reply(line, &t->scratch)) {
    case TCP_REPLY_FOUND:
        *value = buf_str(&t->scratch);
        return TABLE_FOUND;
    case TCP_REPLY_NOT_FOUND:
        return TABLE_NOT_FOUND;
    case TCP_REPLY_RETRY:
        return failed(t, NULL, line);
    case TCP_REPLY_BAD_STATUS:
        return failed(t, "bad status code: ", line);
    default:
        return failed(t, "malformed reply: ", line);
    }
}

/* False: no answer; it may be asked again. */
static bool attempt(struct table *t, struct str key, enum table_result *result, struct str *value)
{
    struct link *l = table_server_link(t->data);
    struct str line;

    if (!connect_to(t))
        return false;
    tcp_wire_put_request(&l->out, key);
    if (link_flush(l) != IO_OK || !read_line(t, l, &line)) {
        table_server_disconnect(t->data);
        return false;
    }
    *result = take_reply(t, line, value);
    buf_clear(&l->in);
    return true;
}

static enum table_result tcp_lookup(struct table *t, struct str key, struct str *value)
{
    static const struct timespec pause = { .tv_sec = 1 };
    enum table_result result = TABLE_ERROR;

    for (int count = 1; !attempt(t, key, &result, value) && count < TRIES; count++)
        (void)nanosleep(&pause, NULL);
    return result;
}

static void tcp_close(struct table *t) { table_server_close(t->data); }

static bool open_tcp(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = tcp_lookup, .close = tcp_close };
    BUF_AUTO(endpoint, 0);

    if (t->flags & TABLE_NO_SUBSTITUTION) {
        buf_join(error, str_from(t->spec), STR(" map is not allowed for security sensitive data"));
        return false;
    }
    buf_join(&endpoint, STR("inet:"), t->name);
    if ((t->data = table_server_open(buf_str(&endpoint), &rules, error)) == NULL)
        return false;
    t->ops = &ops;
    return true;
}

TABLE_TYPE(tcp, .open = open_tcp, .traits = TABLE_ASKS_SERVER);
