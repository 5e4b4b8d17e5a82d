/* cdb - constant data bases, NAME.cdb.
 *
 * A published file never changes; it is mapped, and a lookup is two looks into it.  Builders end keys and values with a NUL, or do
 * not; what the first entry does, all do. */
#include "base/mem.h"
#include "table/plugins/log.h"

#include <cdb.h>
#include <errno.h>
#include <stdlib.h>

struct cdb_table {
    struct cdb cdb;
    bool terminated;
    struct buf key;
};

static struct str text_of(const struct cdb_table *t, const void *bytes, unsigned len)
{
    struct str s = { bytes, bytes ? len : 0 };

    if (t->terminated && s.len && s.ptr[s.len - 1] == '\0')
        s.len--;
    return s;
}

/* Damaged is what points outside of the file. */
static enum plugin_result damaged(void)
{
    log_warning("cdb: the data base is damaged");
    return PLUGIN_ERROR;
}

static enum plugin_result cdb_lookup(void *table, struct str key, struct buf *out)
{
    struct cdb_table *t = table;

    buf_clear(&t->key);
    buf_add(&t->key, key);
    if (t->terminated)
        buf_addc(&t->key, '\0');
    int found = cdb_find(&t->cdb, t->key.ptr ? t->key.ptr : "", (unsigned)t->key.len);
    if (found < 0)
        return damaged();
    if (found == 0)
        return PLUGIN_NOT_FOUND;
    const void *value = cdb_getdata(&t->cdb);
    if (value == NULL)
        return damaged();
    buf_add(out, text_of(t, value, cdb_datalen(&t->cdb)));
    return PLUGIN_FOUND;
}

/* The position is where the library goes on, as bytes. */
static enum plugin_result cdb_list(void *table, struct buf *position, struct buf *key,
                                   struct buf *value)
{
    struct cdb_table *t = table;
    unsigned at;

    if (position->len == 0)
        cdb_seqinit(&at, &t->cdb);
    else
        memcpy(&at, position->ptr, sizeof at);
    int found = cdb_seqnext(&at, &t->cdb);
    if (found < 0)
        return damaged();
    if (found == 0)
        return PLUGIN_NOT_FOUND;
    buf_clear(position);
    buf_add(position, (struct str){ (const char *)&at, sizeof at });
    buf_add(key, text_of(t, cdb_getkey(&t->cdb), cdb_keylen(&t->cdb)));
    buf_add(value, text_of(t, cdb_getdata(&t->cdb), cdb_datalen(&t->cdb)));
    return PLUGIN_FOUND;
}

static void cdb_close(void *table)
{
    struct cdb_table *t = table;

    cdb_free(&t->cdb);
    buf_free(&t->key);
    free(t);
}

static bool first_key_has_nul(struct cdb_table *t)
{
    unsigned at;

    cdb_seqinit(&at, &t->cdb);
    if (cdb_seqnext(&at, &t->cdb) <= 0 || cdb_keylen(&t->cdb) == 0)
        return false;
    const char *key = cdb_getkey(&t->cdb);
    return key && key[cdb_keylen(&t->cdb) - 1] == '\0';
}

static void *cdb_open_file(int fd, struct buf *error)
{
    struct cdb_table *t = mem_alloc(sizeof *t);

    if (cdb_init(&t->cdb, fd) != 0) {
        buf_join(error, STR("unable to init database: "), str_from(strerror(errno)));
        free(t);
        return NULL;
    }
    t->terminated = first_key_has_nul(t);
    return t;
}

/* ---- building ---- */

struct maker {
    struct cdb_make make;
    int error; /* the first one, an errno */
};

static void *maker_begin(int fd)
{
    struct maker *m = mem_alloc(sizeof *m);

    if (cdb_make_start(&m->make, fd) == 0)
        return m;
    free(m);
    return NULL;
}

/* Offsets have 32 bits: what would pass 4 GB is refused by the library (ENOMEM). */
static bool maker_add(void *maker, struct str key, struct str value)
{
    struct maker *m = maker;

    if (m->error == 0 &&
        (key.len > UINT32_MAX || value.len > UINT32_MAX ||
         cdb_make_add(&m->make, key.ptr, (unsigned)key.len, value.ptr, (unsigned)value.len) != 0))
        m->error = errno == ENOMEM ? EFBIG : errno;
    errno = m->error;
    return m->error == 0;
}

static bool maker_end(void *maker)
{
    struct maker *m = maker;
    int failed = cdb_make_finish(&m->make) != 0 ? errno : 0;

    if (m->error == 0)
        m->error = failed;
    int error = m->error;
    free(m);
    errno = error;
    return error == 0;
}

static const struct plugin_maker maker = { .begin = maker_begin,
                                           .add = maker_add,
                                           .end = maker_end };

const struct table_plugin relevo_table_plugin = { .version = TABLE_PLUGIN_VERSION,
                                                  .set_log = plugin_set_log,
                                                  .open_file = cdb_open_file,
                                                  .suffix = ".cdb",
                                                  .lookup = cdb_lookup,
                                                  .next = cdb_list,
                                                  .close = cdb_close,
                                                  .maker = &maker };
