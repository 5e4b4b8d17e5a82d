/* memcache:settings - memcached in front of a table that lasts, or alone. */
#include "base/log.h"
#include "base/mem.h"
#include "table/key_digest.h"
#include "table/key_domain.h"
#include "table/key_format.h"
#include "table/memcache_wire.h"
#include "table/server.h"
#include "table/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct memcache {
    struct table_server_rules rules;
    struct table_server *server;
    struct table *backup;      /* NULL: none */
    struct match_list *domain; /* NULL: keys of all */
    char *key_format;
    struct key_digest *digest; /* NULL: keys are sent as they are */
    struct memcache_limits limits;
    int flags, ttl, max_try, retry_pause;
    struct buf key; /* as it is sent */
};

/* ---- keys ---- */

enum key_result { KEY_GOOD, KEY_NOT_OURS, KEY_ERROR };

static enum key_result make_key(struct memcache *m, struct str key)
{
    enum match_result ours = key_domain_is_listed(m->domain, key);

    buf_clear(&m->key);
    if (ours != MATCH_YES)
        return ours == MATCH_NO ? KEY_NOT_OURS : KEY_ERROR;
    if (key_format_expand(str_from(m->key_format), key, &m->key) != KEY_FORMAT_OK)
        return KEY_NOT_OURS;
    if (m->digest && m->key.len && !key_digest_apply(m->digest, &m->key))
        return KEY_ERROR;
    return memcache_wire_takes_key(buf_str(&m->key)) ? KEY_GOOD : KEY_NOT_OURS;
}

/* ---- one exchange ---- */

static void complain(const struct table *t, const char *what, struct str text)
{
    log_warning("database %s: %s: " STR_FMT, t->spec, what, STR_ARG(text));
}

static bool connect_to(struct memcache *m)
{
    struct str place = table_server_place(m->server);
    BUF_AUTO(why, 0);

    if (table_server_connect(m->server, &why))
        return true;
    log_warning("connect to " STR_FMT ": " STR_FMT, STR_ARG(place), STR_ARG(buf_str(&why)));
    return false;
}

/* What is sent is in the link; reads more until `complete` has had enough.  False: the connection is of no use, and from the
 * second time on that is said. */
typedef bool complete_fn(struct memcache *m, void *context);

static bool exchange(struct table *t, struct str request, complete_fn *complete, void *context,
                     bool loud)
{
    struct memcache *m = t->data;
    struct link *l = table_server_link(m->server);

    if (!connect_to(m))
        return false;
    buf_clear(&l->in);
    buf_add(&l->out, request);
    enum io_result result = link_flush(l);
    while (result == IO_OK && !complete(m, context))
        result = link_fill(l);
    if (result == IO_OK)
        return true;
    if (loud)
        complain(t, "I/O error",
                 result == IO_EOF ? STR("Connection closed") : str_from(strerror(errno)));
    table_server_disconnect(m->server);
    return false;
}

static bool persist(struct table *t, struct str request, complete_fn *complete, void *context)
{
    struct memcache *m = t->data;
    const struct timespec pause = { .tv_sec = m->retry_pause };

    for (int count = 1;; count++) {
        if (exchange(t, request, complete, context, count > 1))
            return true;
        if (count >= m->max_try)
            return false;
        (void)nanosleep(&pause, NULL);
    }
}

/* ---- get ---- */

struct lookup {
    enum memcache_answer answer;
    struct str data, line; /* in the link */
};

static bool value_is_complete(struct memcache *m, void *context)
{
    struct lookup *l = context;

    l->answer = memcache_wire_read_value(buf_str(&table_server_link(m->server)->in), &m->limits,
                                         &l->data, &l->line);
    return l->answer != MEMCACHE_MORE;
}

static enum table_result look_in_memory(struct table *t, struct str *value)
{
    struct memcache *m = t->data;
    struct lookup l = { .answer = MEMCACHE_MORE };
    BUF_AUTO(request, 0);

    memcache_wire_put_get(&request, buf_str(&m->key));
    if (!persist(t, buf_str(&request), value_is_complete, &l))
        return TABLE_ERROR;
    if (l.answer == MEMCACHE_MISSING)
        return TABLE_NOT_FOUND;
    if (l.answer == MEMCACHE_FOUND) {
        buf_clear(&t->scratch);
        buf_add(&t->scratch, l.data);
        *value = buf_str(&t->scratch);
        return TABLE_FOUND;
    }
    complain(t, "unexpected memcache server reply", l.line);
    table_server_disconnect(m->server);
    return TABLE_ERROR;
}

/* ---- set and delete ---- */

struct change {
    struct str line;
    bool too_long;
};

static bool line_is_complete(struct memcache *m, void *context)
{
    struct change *c = context;

    return memcache_wire_read_line(buf_str(&table_server_link(m->server)->in), &m->limits, &c->line,
                                   &c->too_long) ||
           c->too_long;
}

static bool change(struct table *t, struct str request, struct str good, struct str as_good)
{
    struct memcache *m = t->data;
    struct change c = { 0 };

    if (!persist(t, request, line_is_complete, &c))
        return false;
    if (str_equal(c.line, good) || str_equal(c.line, as_good))
        return true;
    complain(t, "update failed", c.line);
    if (c.too_long)
        table_server_disconnect(m->server);
    return false;
}

static bool set_in_memory(struct table *t, struct str key, struct str value)
{
    struct memcache *m = t->data;
    BUF_AUTO(request, 0);

    if (value.len > m->limits.data) {
        log_warning("database %s: data for key " STR_FMT
                    " is too long (data_size_limit=%zu) -- not stored",
                    t->spec, STR_ARG(key), m->limits.data);
        return false;
    }
    memcache_wire_put_set(&request, buf_str(&m->key), m->flags, m->ttl, value);
    return change(t, buf_str(&request), STR("STORED"), STR("STORED"));
}

/* ---- the table ---- */

/* What the table that lasts knows goes into memory. */
static enum table_result ask_backup(struct table *t, struct str key, struct str *value)
{
    struct memcache *m = t->data;
    enum table_result found = table_lookup(m->backup, key, &t->scratch);

    if (found == TABLE_FOUND) {
        *value = buf_str(&t->scratch);
        (void)set_in_memory(t, key, *value);
    }
    return found;
}

static enum table_result memcache_lookup(struct table *t, struct str key, struct str *value)
{
    struct memcache *m = t->data;

    switch (make_key(m, key)) {
    case KEY_ERROR:
        return TABLE_ERROR;
    case KEY_NOT_OURS:
        return TABLE_NOT_FOUND;
    case KEY_GOOD:
        break;
    }
    enum table_result found = look_in_memory(t, value);
    return found == TABLE_FOUND || m->backup == NULL ? found : ask_backup(t, key, value);
}

static bool may_change(struct table *t, struct str key)
{
    struct memcache *m = t->data;

    if (make_key(m, key) == KEY_GOOD)
        return true;
    log_warning(STR_FMT ": skipping update for name \"" STR_FMT "\": %s", STR_ARG(t->name),
                STR_ARG(key), m->key.len ? "name contains space or controls" : "empty expansion");
    return false;
}

static bool memcache_update(struct table *t, struct str key, struct str value)
{
    struct memcache *m = t->data;
    bool done = may_change(t, key) && set_in_memory(t, key, value);

    return m->backup ? table_update(m->backup, key, value) : done;
}

static bool memcache_remove(struct table *t, struct str key)
{
    struct memcache *m = t->data;
    BUF_AUTO(request, 0);
    bool done = may_change(t, key);

    if (done) {
        memcache_wire_put_delete(&request, buf_str(&m->key));
        done = change(t, buf_str(&request), STR("DELETED"), STR("NOT_FOUND"));
    }
    return m->backup ? table_delete(m->backup, key) : done;
}

static enum table_result memcache_next(struct table *t, struct buf *position, struct str *key,
                                       struct str *value)
{
    struct memcache *m = t->data;
    enum table_result found = table_next(m->backup, position, &m->key, &t->scratch);

    *key = buf_str(&m->key);
    *value = buf_str(&t->scratch);
    return found;
}

static void memcache_close(struct table *t)
{
    struct memcache *m = t->data;

    table_server_close(m->server);
    table_close(m->backup);
    match_list_close(m->domain);
    free(m->key_format);
    key_digest_close(m->digest);
    buf_free(&m->key);
    free(m);
}

/* ---- opening ---- */

static void check_key_format(const struct table *t, struct str format)
{
    if (!key_format_is_good(format))
        log_fatal("db_common_parse: " STR_FMT ": Invalid query template: " STR_FMT,
                  STR_ARG(t->name), STR_ARG(format));
}

static char *copy(struct str text)
{
    BUF_AUTO(whole, 0);

    buf_add(&whole, text);
    return mem_copy_cstr(buf_cstr(&whole));
}

static void read_settings(struct table *t, struct memcache *m, struct table_settings *s)
{
    m->key_format = copy(table_settings_text(s, "key_format", "%s"));
    check_key_format(t, str_from(m->key_format));
    m->flags = table_settings_number(s, "flags", 0, 0);
    m->ttl = table_settings_number(s, "ttl", 3600, 0);
    m->max_try = table_settings_number(s, "max_try", 2, 1);
    m->retry_pause = table_settings_number(s, "retry_pause", 1, 1);
    m->limits.line = (size_t)table_settings_number(s, "line_size_limit", 1024, 1);
    m->limits.data = (size_t)table_settings_number(s, "data_size_limit", 10240, 1);
    m->rules.timeout_s = table_settings_number(s, "timeout", 2, 1);
    m->rules.answer_max = m->limits.line + m->limits.data + 64;
}

static bool open_digest(struct table *t, struct memcache *m, struct str name, struct buf *error)
{
    BUF_AUTO(why, 0);

    if (name.len == 0)
        return true;
    m->digest = key_digest_open(name, &why);
    if (m->digest == NULL)
        buf_join(error, t->name, STR(": key_digest = "), name, STR(": "), buf_str(&why));
    return m->digest != NULL;
}

static bool open_parts(struct table *t, struct memcache *m, struct table_settings *s,
                       struct buf *error)
{
    struct str backup = table_settings_text(s, "backup", "");
    struct str domain = table_settings_text(s, "domain", "");

    if (!open_digest(t, m, table_settings_text(s, "key_digest", ""), error))
        return false;
    m->server = table_server_open(table_settings_text(s, "memcache", "inet:localhost:11211"),
                                  &m->rules, error);
    if (m->server == NULL)
        return false;
    if (domain.len)
        m->domain = match_list_open(domain, "domain", 0);
    if (backup.len)
        m->backup = table_open(backup, t->flags | TABLE_QUIET, error);
    return m->backup == NULL || table_is_open(m->backup);
}

static bool open_memcache(struct table *t, struct buf *error)
{
    static const struct table_ops alone = { .lookup = memcache_lookup,
                                            .update = memcache_update,
                                            .remove = memcache_remove,
                                            .close = memcache_close };
    static const struct table_ops with_backup = { .lookup = memcache_lookup,
                                                  .update = memcache_update,
                                                  .remove = memcache_remove,
                                                  .next = memcache_next,
                                                  .close = memcache_close };
    struct table_settings settings;
    struct memcache *m;

    if (t->flags & TABLE_NO_SUBSTITUTION) {
        buf_join(error, str_from(t->spec), STR(" map is not allowed for security-sensitive data"));
        return false;
    }
    if (!table_settings_open(&settings, t, error))
        return false;
    m = t->data = mem_alloc(sizeof *m);
    read_settings(t, m, &settings);
    bool opened = open_parts(t, m, &settings, error);
    table_settings_free(&settings);
    if (!opened) {
        memcache_close(t);
        return false;
    }
    t->ops = m->backup ? &with_backup : &alone;
    return true;
}

TABLE_TYPE(memcache, .open = open_memcache,
           .traits = TABLE_FIXED | TABLE_WRITES | TABLE_ASKS_SERVER);
