#include "smtp-client/login_cache.h"

#include "base/base64.h"
#include "base/log.h"
#include "base/number.h"
#include "conf/params.h"
#include "os/clock.h"
#include "table/table.h"

#include <stdio.h>

#define SHA1_BYTES 20
#define ENTRY_MAX  16384

static struct {
    struct table *table; /* NULL: there is none */
    const struct digests *digests;
} cache;

void login_cache_open(const struct digests *digests)
{
    struct str name = str_trim(smtp_conf.smtp_sasl_auth_cache_name);

    if (name.len == 0)
        return;
    if (str_find_any(name, ", \t\r\n") != STR_NOT_FOUND)
        log_fatal("SASL authentication cache name \"" STR_FMT "\" contains multiple values",
                  STR_ARG(name));
    if (!str_starts(name, STR("proxy:")))
        log_fatal("SASL authentication cache name \"" STR_FMT "\" must start with \"proxy:\"",
                  STR_ARG(name));
    cache.digests = digests;
    cache.table = table_open(name, TABLE_DEFAULT | TABLE_WRITE, NULL);
}

static void make_key(struct str host, struct str user, struct buf *out)
{
    buf_join(out, host, STR(";"), user);
}

static bool hash_password(struct str password, struct buf *out)
{
    unsigned char digest[DIGEST_MAX];

    if (cache.digests == NULL || !cache.digests->hash(DIGEST_SHA1, password, digest))
        return false;
    base64_encode(out, (struct str){ (const char *)digest, SHA1_BYTES });
    return true;
}

void login_cache_store(struct str host, const struct sasl_credentials *who, struct str dsn,
                       struct str reply)
{
    BUF_AUTO(key, 0);
    BUF_AUTO(hash, 64);
    BUF_AUTO(entry, ENTRY_MAX);

    if (cache.table == NULL || !hash_password(who->password, &hash))
        return;
    make_key(host, who->user, &key);
    buf_add_int(&entry, clock_wall().tv_sec);
    buf_join(&entry, STR(";"), buf_str(&hash), STR(";"), dsn, STR(";"), reply);
    if (!table_update(cache.table, buf_str(&key), buf_str(&entry)))
        log_debug("the refusal of a password is not kept");
}

/* TIME;HASH;DSN;REPLY */
struct entry {
    int64_t time;
    struct str hash, dsn, reply;
};

static bool parse(struct str text, struct entry *e)
{
    struct str time = str_cut(&text, ';');

    e->hash = str_cut(&text, ';');
    e->dsn = str_cut(&text, ';');
    e->reply = text;
    return number_parse_range(time, 0, INT64_MAX, &e->time) && e->hash.len && e->dsn.len &&
           e->reply.len;
}

static bool is_current(const struct entry *e, struct str password)
{
    BUF_AUTO(hash, 64);

    return e->time + smtp_conf.smtp_sasl_auth_cache_time >= clock_wall().tv_sec &&
           hash_password(password, &hash) && str_equal(buf_str(&hash), e->hash);
}

bool login_cache_recalls(struct str host, const struct sasl_credentials *who, struct delivery *d,
                         struct fault *fault)
{
    struct entry e;
    char dsn[16];
    BUF_AUTO(key, 0);
    BUF_AUTO(text, ENTRY_MAX);

    make_key(host, who->user, &key);
    if (cache.table == NULL || table_lookup(cache.table, buf_str(&key), &text) != TABLE_FOUND)
        return false;
    bool good = parse(buf_str(&text), &e);
    if (!good)
        log_warning("bad smtp_sasl_auth_cache entry: " STR_FMT, STR_ARG(buf_str(&text)));
    if (!good || !is_current(&e, who->password)) {
        (void)!table_delete(cache.table, buf_str(&key));
        return false;
    }
    bool permanent = !smtp_conf.smtp_sasl_auth_soft_bounce && str_starts(e.dsn, STR("5"));
    (void)snprintf(dsn, sizeof dsn, STR_FMT, STR_ARG(e.dsn));
    if (!permanent)
        dsn[0] = '4';
    fault_set(fault, &d->arena, dsn, permanent,
              "SASL [CACHED] authentication failed; server " STR_FMT " said: " STR_FMT,
              STR_ARG(host), STR_ARG(e.reply));
    return true;
}
