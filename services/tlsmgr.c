/* tlsmgr - what TLS sessions have in common across processes and time: caches of sessions, keys of session tickets, and the
 * private keys, which it holds for processes that speak to strangers.
 *
 * Runs as:   mail_owner, inside the queue directory when master.cf says chroot
 * Trusts:    main.cf, and what master.cf sets for services
 * Distrusts: its clients: what they keep is bytes to it; files with keys come from root */
#include "ipc/messages/tlsmgr.h"

#include "base/base64.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "client/tls_maps.h"
#include "conf/master_cf.h"
#include "ipc/desk.h"
#include "os/fd.h"
#include "service/service.h"
#include "table/type.h"
#include "tls/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define LIFETIME_MIN_S   120
#define LIFETIME_MAX_S   (100 * 24 * 3600)
#define KEY_FILE_MAX     (4UL * 1024 * 1024)
#define CLEANUP_BATCH    200
#define CLEANUP_PAUSE_MS 100

struct cache {
    const char *name;
    struct str database;
    int lifetime_s; /* 0: no session is kept */
    unsigned log;
    struct table *table; /* NULL: none is named */
    struct buf position; /* of the clean-up under way */
};

/* A tls_server_sni_maps, of main.cf or of a service. */
struct name_maps {
    struct str text;
    struct tls_server_names names;
};

static struct {
    struct service *svc;
    struct desk desk;
    struct cache caches[3];
    int random_source; /* -1: the kernel's alone */
    bool holds_keys;   /* OpenSSL is there */
    struct name_maps *maps;
    size_t map_count;
    struct arena texts; /* of maps */
    struct tls_ticket_key current, previous;
} tlsmgr = { .random_source = -1, .texts = ARENA_INIT };

/* ---- caches ---- */

static struct cache *find_cache(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(tlsmgr.caches); i++)
        if (str_equal(name, str_from(tlsmgr.caches[i].name)))
            return &tlsmgr.caches[i];
    return NULL;
}

static bool logs(const struct cache *c) { return c->log & TLS_LOG_CACHE; }

/* A value is `TIME BASE64`.  False: it is too old, or none. */
static bool is_fresh(const struct cache *c, struct str *value)
{
    int64_t made;

    return number_parse(str_cut(value, ' '), &made) && made + c->lifetime_s >= (int64_t)time(NULL);
}

static void forget(struct cache *c, struct str id)
{
    if (logs(c))
        log_info("delete %s session id=" STR_FMT, c->name, STR_ARG(id));
    if (c->table && !table_delete(c->table, id))
        log_warning("%s: an entry could not be removed", c->name);
}

static void keep(struct cache *c, struct str id, struct str session)
{
    BUF_AUTO(value, 0);

    if (logs(c))
        log_info("put %s session id=" STR_FMT " [data %zu bytes]", c->name, STR_ARG(id),
                 session.len / 4 * 3);
    buf_addf(&value, "%lld ", (long long)time(NULL));
    buf_add(&value, session);
    if (c->table && !table_update(c->table, id, buf_str(&value)))
        log_warning("%s: a session could not be kept", c->name);
}

static void look_up(struct cache *c, struct str id, struct buf *session)
{
    BUF_AUTO(value, 0);

    if (logs(c))
        log_info("lookup %s session id=" STR_FMT, c->name, STR_ARG(id));
    if (c->table == NULL || table_lookup(c->table, id, &value) != TABLE_FOUND)
        return;
    struct str rest = buf_str(&value);
    if (is_fresh(c, &rest))
        buf_add(session, rest);
    else
        forget(c, id);
}

/* ---- clean-up ---- */

/* True: there is more. */
static bool clean_some(struct cache *c)
{
    BUF_AUTO(key, 0);
    BUF_AUTO(value, 0);

    for (int i = 0; i < CLEANUP_BATCH; i++) {
        if (table_next(c->table, &c->position, &key, &value) != TABLE_FOUND) {
            buf_clear(&c->position);
            return false;
        }
        struct str rest = buf_str(&value);
        if (!is_fresh(c, &rest))
            forget(c, buf_str(&key));
    }
    return true;
}

static void on_cleanup(void *context)
{
    struct cache *c = context;

    if (logs(c) && c->position.len == 0)
        log_info("tlsmgr_cache_run_event: start TLS %s session cache cleanup", c->name);
    int64_t pause = clean_some(c) ? CLEANUP_PAUSE_MS : (int64_t)c->lifetime_s * 1000;
    (void)loop_timer_start(tlsmgr.desk.loop, pause, on_cleanup, c);
}

/* ---- keys ---- */

/* Random bytes of the kernel, and those of the source that the site names on top. */
static void fill_random(unsigned char *out, size_t size)
{
    unsigned char more[sizeof(struct tls_ticket_key)];

    if (getrandom(out, size, 0) != (ssize_t)size)
        log_fatal("getrandom: %s", strerror(errno));
    ssize_t n = tlsmgr.random_source < 0 ? 0 : read(tlsmgr.random_source, more, size);
    for (ssize_t i = 0; i < n; i++)
        out[i] ^= more[i];
}

static void renew_key(int64_t now)
{
    struct tls_ticket_key *key = &tlsmgr.current;
    int64_t half = find_cache(STR("smtpd"))->lifetime_s / 2;

    tlsmgr.previous = *key;
    fill_random(key->name, sizeof key->name);
    fill_random(key->cipher, sizeof key->cipher);
    fill_random(key->mac, sizeof key->mac);
    key->issues_until = now + half;
    key->opens_until = key->issues_until + half;
}

static bool has_name(const struct tls_ticket_key *key, struct str name)
{
    return str_equal(name, (struct str){ (const char *)key->name, sizeof key->name });
}

/* NULL: none of that name, or not any more. */
static const struct tls_ticket_key *find_key(struct str name)
{
    int64_t now = time(NULL);

    if (name.len == 0) {
        if (now >= tlsmgr.current.issues_until)
            renew_key(now);
        return &tlsmgr.current;
    }
    const struct tls_ticket_key *key = has_name(&tlsmgr.current, name)    ? &tlsmgr.current
                                       : has_name(&tlsmgr.previous, name) ? &tlsmgr.previous
                                                                          : NULL;
    return key && now <= key->opens_until ? key : NULL;
}

/* ---- questions ---- */

static bool send_answer(struct desk_client *c, char kind, struct buf *body)
{
    return channel_frame(&c->out, TLSMGR_ANSWER(kind), buf_str(body));
}

static bool answer_policy(struct desk_client *client, struct str body)
{
    struct tlsmgr_ask question;
    BUF_AUTO(answer, 0);

    if (!tlsmgr_ask_decode(&body, &question))
        return false;
    const struct cache *c = find_cache(question.name);
    if (c == NULL)
        return false;
    struct tlsmgr_policy policy = { .cached = c->table != NULL, .lifetime = c->lifetime_s };
    tlsmgr_policy_encode(&answer, &policy);
    return send_answer(client, TLSMGR_POLICY, &answer);
}

static bool answer_entry(struct desk_client *client, char kind, struct str body)
{
    struct tlsmgr_entry entry;
    BUF_AUTO(session, 0);
    BUF_AUTO(answer, 0);

    if (!tlsmgr_entry_decode(&body, &entry))
        return false;
    struct cache *c = find_cache(entry.cache);
    if (c == NULL)
        return false;
    if (kind == TLSMGR_UPDATE) {
        keep(c, entry.id, entry.session);
        return true;
    }
    if (kind == TLSMGR_DELETE) {
        forget(c, entry.id);
        return true;
    }
    look_up(c, entry.id, &session);
    entry.session = buf_str(&session);
    tlsmgr_entry_encode(&answer, &entry);
    return send_answer(client, kind, &answer);
}

static struct str bytes_of(const unsigned char *bytes, size_t size, struct buf *text)
{
    base64_encode(text, (struct str){ (const char *)bytes, size });
    return buf_str(text);
}

static bool answer_key(struct desk_client *client, struct str body)
{
    struct tlsmgr_ask question;
    struct tlsmgr_key answer = { .name = STR("") };
    BUF_AUTO(wanted, 64);
    BUF_AUTO(name, 0);
    BUF_AUTO(cipher, 0);
    BUF_AUTO(mac, 0);
    BUF_AUTO(text, 0);

    if (!tlsmgr_ask_decode(&body, &question) || !base64_decode(&wanted, question.name))
        return false;
    const struct tls_ticket_key *key = find_key(buf_str(&wanted));
    if (key)
        answer = (struct tlsmgr_key){ .name = bytes_of(key->name, sizeof key->name, &name),
                                      .cipher = bytes_of(key->cipher, sizeof key->cipher, &cipher),
                                      .mac = bytes_of(key->mac, sizeof key->mac, &mac),
                                      .issues_until = key->issues_until,
                                      .opens_until = key->opens_until };
    tlsmgr_key_encode(&text, &answer);
    return send_answer(client, TLSMGR_KEY, &text);
}

/* ---- private keys ---- */

static bool send_bytes(struct desk_client *client, char kind, struct str bytes)
{
    struct tlsmgr_text message;
    BUF_AUTO(text, 0);
    BUF_AUTO(body, 0);

    base64_encode(&text, bytes);
    message.text = buf_str(&text);
    tlsmgr_text_encode(&body, &message);
    return send_answer(client, kind, &body);
}

/* Only root opens key files, and only what root has connected may use them. */
static bool may_keep_keys(struct desk_client *client)
{
    if (!tlsmgr.holds_keys || !desk_client_is_root(client))
        return false;
    if (client->data == NULL)
        client->data = tls_keys_new();
    return true;
}

static bool keep_keys(struct desk_client *client)
{
    BUF_AUTO(file, KEY_FILE_MAX);
    BUF_AUTO(public, 0);

    if (client->passed < 0 || !may_keep_keys(client))
        return false;
    if (!fd_pread_all(client->passed, &file))
        log_warning("a file with keys could not be read: %s", strerror(errno));
    else
        tls_keys_take(client->data, buf_str(&file), &public);
    if (file.ptr)
        explicit_bzero(file.ptr, file.cap);
    return send_bytes(client, TLSMGR_KEEP, buf_str(&public));
}

/* NULL: these maps are not ours. */
static const struct tls_server_names *find_names(struct str maps)
{
    for (size_t i = 0; i < tlsmgr.map_count; i++)
        if (str_equal(tlsmgr.maps[i].text, maps))
            return &tlsmgr.maps[i].names;
    return NULL;
}

/* The chain of a name, whose key is kept; without a name it is only asked whether there could be one. */
static enum tls_chain find_chain(struct desk_client *client, const struct tlsmgr_name *q,
                                 struct buf *public)
{
    const struct tls_server_names *names = find_names(q->maps);
    BUF_AUTO(pem, KEY_FILE_MAX);

    if (names == NULL)
        return TLS_CHAIN_ERROR;
    if (q->name.len == 0)
        return TLS_CHAIN_NONE;
    enum tls_chain result = names->find(names->context, q->name, &pem);
    if (result == TLS_CHAIN_FOUND)
        tls_keys_take(client->data, buf_str(&pem), public);
    if (pem.ptr)
        explicit_bzero(pem.ptr, pem.cap);
    return result;
}

static bool answer_name(struct desk_client *client, struct str body)
{
    struct tlsmgr_name question;
    BUF_AUTO(public, 0);
    BUF_AUTO(text, 0);
    BUF_AUTO(answer, 0);

    if (!tlsmgr_name_decode(&body, &question) || !may_keep_keys(client))
        return false;
    enum tls_chain result = find_chain(client, &question, &public);
    base64_encode(&text, buf_str(&public));
    struct tlsmgr_chain message = { (int)result, buf_str(&text) };
    tlsmgr_chain_encode(&answer, &message);
    return send_answer(client, TLSMGR_NAME, &answer);
}

static bool sign(struct desk_client *client, struct str body)
{
    struct tlsmgr_task message;
    BUF_AUTO(input, 0);
    BUF_AUTO(result, 0);

    if (!tlsmgr_task_decode(&body, &message) || !base64_decode(&input, message.input) ||
        client->data == NULL)
        return false;
    struct tls_task task = { message.key, (enum tls_operation)message.operation, message.padding,
                             buf_str(&input) };
    if (!tls_keys_act(client->data, &task, &result))
        log_warning("a signature could not be made");
    return send_bytes(client, TLSMGR_SIGN, buf_str(&result));
}

static void forget_keys(void *context, struct desk_client *client)
{
    (void)context;
    if (client->data)
        tls_keys_free(client->data);
}

static bool answer(void *context, struct desk_client *client, char kind, struct str body)
{
    (void)context;
    switch (kind) {
    case TLSMGR_POLICY:
        return answer_policy(client, body);
    case TLSMGR_LOOKUP:
    case TLSMGR_UPDATE:
    case TLSMGR_DELETE:
        return answer_entry(client, kind, body);
    case TLSMGR_KEY:
        return answer_key(client, body);
    case TLSMGR_KEEP:
        return keep_keys(client);
    case TLSMGR_NAME:
        return answer_name(client, body);
    case TLSMGR_SIGN:
        return sign(client, body);
    default:
        return false;
    }
}

/* The client asks again, and the successor of this process answers from the new file. */
static bool names_are_fresh(void *context)
{
    BUF_AUTO(table, 1000);

    (void)context;
    if (tlsmgr.map_count == 0 || !tables_have_changed(&table))
        return true;
    service_restart_for(tlsmgr.svc, buf_cstr(&table));
    return false;
}

/* ---- start ---- */

static int lifetime(int seconds)
{
    if (seconds <= 0)
        return 0;
    return MIN(MAX(seconds, LIFETIME_MIN_S), LIFETIME_MAX_S);
}

/* What sessions of an earlier life were made with is gone. */
static void empty(struct cache *c)
{
    BUF_AUTO(key, 0);
    BUF_AUTO(position, 0);

    while (table_next(c->table, &position, &key, NULL) == TABLE_FOUND)
        if (!table_delete(c->table, buf_str(&key)))
            return;
}

static void check_shared(const struct cache *c)
{
    for (const struct cache *other = tlsmgr.caches; other < c; other++)
        if (other->table && str_equal(other->database, c->database))
            log_fatal("do not use the same TLS cache file " STR_FMT " for %s and %s",
                      STR_ARG(c->database), other->name, c->name);
}

static void open_cache(struct cache *c)
{
    if (c->database.len == 0 || c->lifetime_s == 0)
        return;
    check_shared(c);
    if (logs(c))
        log_info("open %s TLS cache " STR_FMT, c->name, STR_ARG(c->database));
    c->table = table_open(c->database, TABLE_WRITE, NULL);
    if (table_is_open(c->table) && table_can_list(c->table)) {
        empty(c);
        return;
    }
    log_warning("%s_tls_session_cache_database = " STR_FMT ": no cache can be kept there", c->name,
                STR_ARG(c->database));
    table_close(c->table);
    c->table = NULL;
}

static void open_random_source(struct str source)
{
    (void)str_skip_prefix(&source, STR("dev:"));
    if (source.len == 0)
        return;
    BUF_AUTO(path, 0);
    buf_add(&path, source);
    tlsmgr.random_source = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (tlsmgr.random_source < 0)
        log_warning("cannot open entropy device " STR_FMT ": %s", STR_ARG(source), strerror(errno));
}

/* Where a server would have to be asked, smtpd does that. */
static bool any_asks_server(struct str maps)
{
    struct str map, type, name;

    while (str_token(&maps, ", \t\r\n", &map)) {
        table_spec_split(map, &type, &name);
        if (table_type_asks_server(type))
            return true;
    }
    return false;
}

/* `text` is kept. */
static void add_maps(struct str text)
{
    if (text.len == 0 || find_names(text) || any_asks_server(text))
        return;
    tlsmgr.maps = mem_resize(tlsmgr.maps, (tlsmgr.map_count + 1) * sizeof *tlsmgr.maps);
    tlsmgr.maps[tlsmgr.map_count++] = (struct name_maps){ text, tls_names_open_tables(text) };
}

/* As the service sees them. */
static void add_maps_of(const struct master_entry *e, struct conf *conf)
{
    struct conf *own = conf_fork_without_overrides(conf);

    for (size_t i = 0; i < e->setting_count; i++)
        conf_override(own, e->settings[i].name, e->settings[i].value);
    add_maps(arena_str(&tlsmgr.texts, conf_value(own, STR("tls_server_sni_maps"))));
    conf_close(own);
}

static void open_maps(struct conf *conf)
{
    ARENA_AUTO(arena);
    struct master_cf cf;
    struct str value;
    BUF_AUTO(why, 0);

    if (!tlsmgr.holds_keys)
        return;
    add_maps(tls_conf.tls_server_sni_maps);
    if (!master_cf_read(conf_directory(conf), &arena, &cf, &why))
        log_fatal(STR_FMT, STR_ARG(buf_str(&why)));
    for (size_t i = 0; i < cf.count; i++)
        if (!cf.entries[i].replaced &&
            master_entry_setting(&cf.entries[i], STR("tls_server_sni_maps"), &value))
            add_maps_of(&cf.entries[i], conf);
}

static void before_jail(struct service *svc)
{
    const struct lmtp_params *l = &lmtp_conf;
    const struct smtp_tls_params *c = &smtp_tls_conf;
    const struct smtpd_tls_params *s = &smtpd_tls_conf;
    const struct cache caches[] = {
        { .name = "smtpd",
          .database = s->smtpd_tls_session_cache_database,
          .lifetime_s = lifetime(s->smtpd_tls_session_cache_timeout),
          .log = tls_log_parse("smtpd_tls_loglevel", s->smtpd_tls_loglevel) },
        { .name = "smtp",
          .database = c->smtp_tls_session_cache_database,
          .lifetime_s = lifetime(c->smtp_tls_session_cache_timeout),
          .log = tls_log_parse("smtp_tls_loglevel", c->smtp_tls_loglevel) },
        { .name = "lmtp",
          .database = l->lmtp_tls_session_cache_database,
          .lifetime_s = lifetime(l->lmtp_tls_session_cache_timeout),
          .log = tls_log_parse("lmtp_tls_loglevel", l->lmtp_tls_loglevel) },
    };

    tlsmgr.svc = svc;
    memcpy(tlsmgr.caches, caches, sizeof caches);
    tlsmgr.holds_keys = tls_keys_open(&tls_conf);
    open_random_source(tls_conf.tls_random_source);
    for (size_t i = 0; i < ARRAY_LEN(tlsmgr.caches); i++)
        open_cache(&tlsmgr.caches[i]);
    open_maps(service_conf(svc));
}

static void start(struct service *svc)
{
    tlsmgr.desk = (struct desk){ .loop = service_loop(svc),
                                 .answer = answer,
                                 .leave = forget_keys,
                                 .is_open = names_are_fresh };
    for (size_t i = 0; i < ARRAY_LEN(tlsmgr.caches); i++)
        if (tlsmgr.caches[i].table)
            on_cleanup(&tlsmgr.caches[i]);
}

static void serve_client(struct service *svc, int fd)
{
    (void)svc;
    desk_serve(&tlsmgr.desk, fd);
}

static const struct service_spec spec = {
    .name = "tlsmgr",
    .kind = SERVICE_MULTI,
    .params = (const struct param_set *const[]){ &tls_param_set, &smtpd_tls_param_set,
                                                 &smtp_tls_param_set, &lmtp_param_set,
                                                 &table_param_set, NULL },
    .sandbox = SANDBOX_SERVICE,
    .paths = (const struct sandbox_path[]){ { NULL, SANDBOX_READ } },
    .process_limit = 1,
    .no_max_use = true,
    .before_jail = before_jail,
    .after_jail = start,
    .serve = serve_client,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
