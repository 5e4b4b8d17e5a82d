/* socketmap:SERVER:NAME - a server that is asked by netstrings (socketmap_wire); SERVER is inet:host:port or unix:path. */
#include "base/log.h"
#include "base/mem.h"
#include "base/netstring.h"
#include "conf/params.h"
#include "table/driver.h"
#include "table/server.h"
#include "table/socketmap_wire.h"

#include <errno.h>
#include <stdlib.h>

#define LENGTH_MAX 16 /* bytes around the content of a netstring */

/* The longest answer is site_conf's. */
static struct table_server_rules rules = { .timeout_s = 100, .idle_s = 10, .life_s = 100 };

struct socketmap {
    struct table_server *server;
    struct str map; /* what the server calls it */
};

enum outcome {
    ANSWERED,
    BROKEN, /* before anything was answered, as by a server that was started anew */
    FAILED,
};

/* ---- one question ---- */

static enum outcome failure(enum io_result result, const struct link *l, const char **why)
{
    switch (result) {
    case IO_TIMEOUT:
        *why = "time limit exceeded";
        return FAILED;
    case IO_EOF:
        break;
    default:
        if (errno != EPIPE && errno != ECONNRESET) {
            *why = strerror(errno);
            return FAILED;
        }
    }
    *why = "unexpected disconnect";
    return l->in.len ? FAILED : BROKEN;
}

/* Has the netstring come as a whole?  Otherwise more has to be read, or `why` says why there will be none. */
static bool take_content(const struct link *l, struct str *content, const char **why)
{
    struct str in = buf_str(&l->in);
    size_t length = 0;

    switch (netstring_take_head(&in, (size_t)site_conf.socketmap_max_reply_size, &length)) {
    case NETSTRING_MORE:
        return false;
    case NETSTRING_LONG:
        *why = "input exceeds size limit";
        return false;
    case NETSTRING_BAD:
        *why = "input format error";
        return false;
    case NETSTRING_OK:
        break;
    }
    if (in.len <= length)
        return false;
    if (in.ptr[length] != ',')
        *why = "input format error";
    *content = str_sub(in, 0, length);
    return *why == NULL;
}

static enum outcome converse(struct link *l, struct str *content, const char **why)
{
    enum io_result result = link_flush(l);

    while (result == IO_OK) {
        if (take_content(l, content, why))
            return ANSWERED;
        if (*why)
            return FAILED;
        result = link_fill(l);
    }
    return failure(result, l, why);
}

static enum outcome ask(struct socketmap *m, struct str key, struct str *content, struct buf *why)
{
    struct link *l = table_server_link(m->server);
    const char *reason = NULL;

    if (!table_server_connect(m->server, why)) {
        struct str place = table_server_place(m->server);
        log_warning("connect to " STR_FMT ": " STR_FMT, STR_ARG(place), STR_ARG(buf_str(why)));
        return FAILED;
    }
    socketmap_wire_put_request(&l->out, m->map, key);
    enum outcome outcome = converse(l, content, &reason);
    if (outcome != ANSWERED) {
        buf_add_cstr(why, reason);
        table_server_disconnect(m->server);
    }
    return outcome;
}

/* ---- the table ---- */

static enum table_result complain(const struct table *t, const char *what, struct str text)
{
    log_warning("%s socketmap server %s error: " STR_FMT, t->spec, what, STR_ARG(text));
    return TABLE_ERROR;
}

static enum table_result take_reply(struct table *t, struct str content, struct str *value)
{
    struct str rest;

    switch (socketmap_wire_read_reply(content, &rest)) {
    case SOCKETMAP_OK:
        buf_clear(&t->scratch);
        buf_add(&t->scratch, rest);
        *value = buf_str(&t->scratch);
        return TABLE_FOUND;
    case SOCKETMAP_NOT_FOUND:
        return TABLE_NOT_FOUND;
    case SOCKETMAP_TEMPORARY:
        return complain(t, "temporary", rest);
    case SOCKETMAP_TIMEOUT:
        return complain(t, "timeout", rest);
    case SOCKETMAP_PERMANENT:
        return complain(t, "permanent", rest);
    default:
        return complain(t, "unknown", rest);
    }
}

static enum table_result socketmap_lookup(struct table *t, struct str key, struct str *value)
{
    struct socketmap *m = t->data;
    struct str content = STR_NONE;
    BUF_AUTO(why, 0);

    if (m->map.len + 1 + key.len > (size_t)site_conf.socketmap_max_query_size) {
        log_warning("table %s query too large: '" STR_FMT "', returning 'not found'", t->spec,
                    STR_ARG(key));
        return TABLE_NOT_FOUND;
    }
    enum outcome outcome = ask(m, key, &content, &why);
    if (outcome == BROKEN) {
        buf_clear(&why);
        outcome = ask(m, key, &content, &why);
    }
    if (outcome != ANSWERED) {
        log_warning("table %s lookup error: " STR_FMT, t->spec, STR_ARG(buf_str(&why)));
        return TABLE_ERROR;
    }
    enum table_result result = take_reply(t, content, value);
    buf_clear(&table_server_link(m->server)->in);
    return result;
}

static void socketmap_close(struct table *t)
{
    struct socketmap *m = t->data;

    table_server_close(m->server);
    free(m);
}

static bool check_name(const struct table *t, struct str server, struct str map, struct buf *error)
{
    struct str type = server, path = server;

    (void)str_cut(&path, ':');
    if (t->flags & TABLE_NO_SUBSTITUTION)
        buf_join(error, str_from(t->spec), STR(" map is not allowed for security-sensitive data"));
    else if (map.len == 0 || path.len == 0)
        buf_add(error, STR("socketmap requires server:socketmap argument"));
    else if (!str_starts(server, STR("inet:")) && !str_starts(server, STR("unix:")))
        buf_join(error, STR("invalid transport name: "), str_cut(&type, ':'), STR(" in service: "),
                 server);
    else
        return true;
    return false;
}

static bool open_socketmap(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = socketmap_lookup, .close = socketmap_close };
    size_t colon = str_rfind(t->name, ':');
    struct str server = str_sub(t->name, 0, colon == STR_NOT_FOUND ? 0 : colon);
    struct str map = str_skip(t->name, colon + 1);

    if (!check_name(t, server, map, error))
        return false;
    rules.answer_max = (size_t)site_conf.socketmap_max_reply_size + LENGTH_MAX;
    struct table_server *found = table_server_open(server, &rules, error);
    if (found == NULL)
        return false;
    struct socketmap *m = t->data = mem_alloc(sizeof *m);
    *m = (struct socketmap){ found, map };
    t->ops = &ops;
    return true;
}

TABLE_TYPE(socketmap, .open = open_socketmap, .traits = TABLE_ASKS_SERVER);
