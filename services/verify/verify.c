/* verify - knows which addresses mail can be delivered to: it sends probes, keeps what becomes of them, and answers
 * smtpd(8).
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf, our own daemons
 * Distrusts: addresses and texts, which come from strangers and are only kept */
#include "client/verify.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "ipc/attr.h"
#include "service/service.h"
#include "services/verify/entry.h"
#include "services/verify/probe.h"
#include "table/table.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX      16384
#define READ_SIZE        2048
#define CLEANUP_BATCH    200
#define CLEANUP_PAUSE_MS 100
#define CLEANED_KEY      STR("_LAST_CACHE_CLEANUP_COMPLETED_")

static struct {
    struct service *svc;
    struct table *cache;
    struct verify_policy policy;
    struct cleaning {
        struct buf position;
        int retained, dropped;
        bool under_way;
    } cleaning;
} verify;

/* ---- the cache ---- */

/* What separates the parts of other caches' keys is no part of ours. */
static void make_key(struct str address, struct buf *key)
{
    buf_add(key, address);
    for (size_t i = 0; i < key->len; i++)
        if (key->ptr[i] == ':')
            key->ptr[i] = '_';
}

/* The entry borrows from `value`. */
static enum table_result look_up(struct str key, struct buf *value, struct verify_entry *e)
{
    enum table_result found = table_lookup(verify.cache, key, value);

    if (found != TABLE_FOUND || verify_entry_parse(buf_str(value), e))
        return found;
    log_warning("bad address verify table entry: " STR_FMT, STR_ARG(buf_str(value)));
    return TABLE_NOT_FOUND;
}

/* A cache that cannot be written costs probes; the table has said why. */
static void keep(struct str key, const struct verify_entry *e)
{
    BUF_AUTO(value, 0);

    if (e->status != VERIFY_OK && !verify.policy.keeps_failures)
        return;
    verify_entry_format(e, &value);
    if (!table_update(verify.cache, key, buf_str(&value)))
        log_debug("not kept: " STR_FMT, STR_ARG(key));
}

static void drop_entry(struct str key)
{
    if (!table_delete(verify.cache, key))
        log_debug("not removed: " STR_FMT, STR_ARG(key));
}

/* ---- requests ---- */

struct request {
    struct str name, address, reason;
    int64_t status;
};

static void put_answer(const struct verify_entry *e, struct buf *out)
{
    attr_put_int(out, "status", 0);
    attr_put_int(out, "recipient_status", e->status);
    attr_put_str(out, "reason", e->text);
    attr_put_end(out);
}

static void put_status(int status, struct buf *out)
{
    attr_put_int(out, "status", status);
    attr_put_end(out);
}

/* A probe goes out, and what is known until it comes back is kept. */
static void look_again(struct str address, struct str key, struct verify_entry *e, int64_t now)
{
    probe_send(address);
    e->probed = now;
    keep(key, e);
}

static void do_query(const struct request *r, struct buf *out)
{
    struct verify_entry e = { .status = VERIFY_DEFER,
                              .text = STR("Address verification status unavailable") };
    int64_t now = time(NULL);
    BUF_AUTO(key, 0);
    BUF_AUTO(value, 0);

    make_key(r->address, &key);
    enum table_result found = look_up(buf_str(&key), &value, &e);
    bool usable = found == TABLE_FOUND && verify_entry_is_usable(&e, &verify.policy, now);
    if (found != TABLE_ERROR && !usable) {
        if (found == TABLE_FOUND && !verify.policy.keeps_failures)
            drop_entry(buf_str(&key));
        e = (struct verify_entry){ .status = VERIFY_TODO,
                                   .text = STR("Address verification in progress") };
        look_again(r->address, buf_str(&key), &e, now);
    } else if (usable && verify_entry_wants_probe(&e, &verify.policy, now)) {
        look_again(r->address, buf_str(&key), &e, now);
    }
    put_answer(&e, out);
}

static void do_update(const struct request *r, struct buf *out)
{
    struct verify_entry old, e;
    BUF_AUTO(key, 0);
    BUF_AUTO(value, 0);

    if (r->status < VERIFY_OK || r->status > VERIFY_BOUNCE) {
        log_warning("bad recipient status %lld for recipient " STR_FMT, (long long)r->status,
                    STR_ARG(r->address));
        put_status(-2, out);
        return;
    }
    make_key(r->address, &key);
    bool known = look_up(buf_str(&key), &value, &old) == TABLE_FOUND;
    e = verify_entry_after(known ? &old : NULL, (enum verify_status)r->status, r->reason,
                           time(NULL));
    keep(buf_str(&key), &e);
    put_status(0, out);
}

static const struct request_kind {
    const char *name;
    bool brings_result;
    void (*act)(const struct request *r, struct buf *out);
} kinds[] = {
    { "query", false, do_query },
    { "update", true, do_update },
};

/* ---- the protocol ---- */

static bool expect(struct str *in, const char *wanted, struct str *value)
{
    struct str name = STR_NONE;
    bool incomplete;

    if (attr_take(in, &name, value, &incomplete) && str_equal(name, str_from(wanted)))
        return true;
    log_warning("unexpected attribute " STR_FMT " from verify socket (expecting: %s)",
                STR_ARG(name.ptr ? name : STR("(list terminator)")), wanted);
    return false;
}

/* The attributes stand in their order.  False: this is no client of ours. */
static bool take_list(struct str in, struct buf *out)
{
    struct request r = { 0 };
    struct str status;

    if (!expect(&in, "request", &r.name))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!str_equal(r.name, str_from(kinds[i].name)))
            continue;
        if (!expect(&in, "address", &r.address))
            return false;
        if (kinds[i].brings_result &&
            (!expect(&in, "recipient_status", &status) || !number_parse(status, &r.status) ||
             !expect(&in, "reason", &r.reason)))
            return false;
        kinds[i].act(&r, out);
        return true;
    }
    log_warning("unrecognized request: \"" STR_FMT "\", ignored", STR_ARG(r.name));
    put_status(-2, out);
    return true;
}

struct client {
    int fd;
    struct buf in;
};

static void drop(struct client *c)
{
    loop_unwatch(service_loop(verify.svc), c->fd);
    close(c->fd);
    buf_free(&c->in);
    free(c);
}

/* Answers are far smaller than a socket's buffer; a client that does not read them is gone. */
static bool send_out(const struct client *c, struct buf *out)
{
    return out->len == 0 ||
           send(c->fd, out->ptr, out->len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)out->len;
}

static bool hear(struct client *c)
{
    char *room = buf_reserve(&c->in, READ_SIZE);
    ssize_t n = room ? recv(c->fd, room, READ_SIZE, MSG_DONTWAIT) : 0;
    BUF_AUTO(out, 0);
    size_t length;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0)
        return false;
    c->in.len += (size_t)n;
    while ((length = attr_list_length(buf_str(&c->in))) > 0) {
        if (!take_list(str_sub(buf_str(&c->in), 0, length), &out))
            return false;
        buf_consume(&c->in, length);
    }
    return send_out(c, &out);
}

static void on_event(void *context, int fd, uint32_t events)
{
    struct client *c = context;

    (void)fd, (void)events;
    if (!hear(c))
        drop(c);
}

static void serve_client(struct service *svc, int fd)
{
    struct client *c = mem_alloc(sizeof *c);
    BUF_AUTO(hello, 0);

    *c = (struct client){ .fd = fd, .in = BUF_INIT(REQUEST_MAX) };
    loop_watch(service_loop(svc), fd, EPOLLIN, on_event, c);
    attr_put_str(&hello, "protocol", STR(VERIFY_PROTOCOL));
    attr_put_end(&hello);
    if (!send_out(c, &hello))
        drop(c);
}

/* ---- what is too old goes ---- */

static void log_cleanup(const char *how)
{
    struct str name = table_name(verify.cache);

    log_info("cache " STR_FMT " %s cleanup: retained=%d dropped=%d entries", STR_ARG(name), how,
             verify.cleaning.retained, verify.cleaning.dropped);
}

static void look_at_entry(struct str key, struct str value, int64_t now)
{
    struct verify_entry e;

    if (str_equal(key, CLEANED_KEY))
        return;
    if (verify_entry_parse(value, &e) && verify_entry_is_usable(&e, &verify.policy, now)) {
        verify.cleaning.retained++;
    } else {
        drop_entry(key);
        verify.cleaning.dropped++;
    }
}

/* True: there is more. */
static bool clean_some(void)
{
    BUF_AUTO(key, 0);
    BUF_AUTO(value, 0);
    int64_t now = time(NULL);

    for (int i = 0; i < CLEANUP_BATCH; i++) {
        if (table_next(verify.cache, &verify.cleaning.position, &key, &value) != TABLE_FOUND)
            return false;
        look_at_entry(buf_str(&key), buf_str(&value), now);
    }
    return true;
}

static int64_t interval_ms(void)
{
    return (int64_t)verify_conf.address_verify_cache_cleanup_interval * 1000;
}

static void note_cleanup(void)
{
    BUF_AUTO(now, 32);

    buf_add_int(&now, time(NULL));
    if (!table_update(verify.cache, CLEANED_KEY, buf_str(&now)))
        log_debug("the time of the cleanup is not kept");
}

static void on_cleanup(void *context)
{
    struct cleaning *c = &verify.cleaning;
    bool more;

    (void)context;
    if (!c->under_way)
        *c = (struct cleaning){ .under_way = true };
    more = clean_some();
    if (!more) {
        log_cleanup("full");
        note_cleanup();
        buf_free(&c->position);
        c->under_way = false;
    }
    (void)loop_timer_start(service_loop(verify.svc), more ? CLEANUP_PAUSE_MS : interval_ms(),
                           on_cleanup, NULL);
}

/* The interval goes on across our lives. */
static int64_t first_cleanup_ms(void)
{
    BUF_AUTO(value, 64);
    int64_t last;

    if (table_lookup(verify.cache, CLEANED_KEY, &value) != TABLE_FOUND ||
        !number_parse(buf_str(&value), &last))
        return interval_ms();
    int64_t due = last * 1000 + interval_ms() - (int64_t)time(NULL) * 1000;
    return MIN(MAX(due, 0), interval_ms());
}

/* ---- the process ---- */

static struct str name_of(struct str path)
{
    size_t slash = str_rfind(path, '/');

    return slash == STR_NOT_FOUND ? path : str_skip(path, slash + 1);
}

/* The cache is written as mail_owner, whose files belong into one directory. */
static void place_cache(struct buf *spec)
{
    struct str given = verify_conf.address_verify_map, type, path;
    BUF_AUTO(below, 0);

    if (given.len == 0) {
        buf_add(spec, STR("internal:verify"));
        return;
    }
    table_spec_split(given, &type, &path);
    buf_join(&below, site_conf.data_directory, STR("/"));
    if (!str_starts(path, STR("/")) || str_equal(type, STR("proxy")) ||
        str_equal(type, STR("memcache")) || str_starts(path, buf_str(&below))) {
        buf_add(spec, given);
        return;
    }
    buf_join(spec, type, STR(":"), buf_str(&below), name_of(path));
    log_warning("request to update file " STR_FMT " outside of data_directory", STR_ARG(given));
    log_warning("redirecting the request to " STR_FMT, STR_ARG(buf_str(spec)));
}

static void before_jail(struct service *svc)
{
    BUF_AUTO(spec, 0);
    BUF_AUTO(error, 0);

    verify.svc = svc;
    verify.policy = (struct verify_policy){
        .positive = { verify_conf.address_verify_positive_expire_time,
                      verify_conf.address_verify_positive_refresh_time },
        .negative = { verify_conf.address_verify_negative_expire_time,
                      verify_conf.address_verify_negative_refresh_time },
        .keeps_failures = verify_conf.address_verify_negative_cache,
    };
    place_cache(&spec);
    verify.cache = table_open(buf_str(&spec), TABLE_WRITE, &error);
    if (error.len)
        log_fatal(STR_FMT, STR_ARG(buf_str(&error)));
}

static void start(struct service *svc)
{
    probe_open(service_loop(svc));
    if (interval_ms() > 0 && table_can_list(verify.cache))
        (void)loop_timer_start(service_loop(svc), first_cleanup_ms(), on_cleanup, NULL);
}

static bool may_leave(struct service *svc)
{
    (void)svc;
    if (probes_under_way())
        return false;
    if (verify.cleaning.under_way)
        log_cleanup("partial");
    verify.cleaning.under_way = false;
    return true;
}

static const struct service_spec spec = {
    .name = "verify",
    .kind = SERVICE_MULTI,
    .params = (const struct param_set *const[]){ &verify_param_set, NULL },
    .sandbox = SANDBOX_SERVICE,
    .process_limit = 1,
    .no_max_use = true,
    .before_jail = before_jail,
    .after_jail = start,
    .serve = serve_client,
    .may_leave = may_leave,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
