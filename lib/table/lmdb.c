/* lmdb, hash, btree - indexed files (table/index_file.h).
 *
 * A published file never changes: postmap writes a new one and renames it.  So one read transaction
 * lives as long as the table, nobody locks, and a lookup is a walk through mapped memory. */
#include "base/log.h"
#include "base/mem.h"
#include "os/fd.h"
#include "table/driver.h"
#include "table/index_file.h"
#include "table/type.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>

struct lmdb_table {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    bool terminated; /* keys and values end in a NUL, as most builders of such files have it */
    struct buf key;
};

/* LMDB refuses longer keys, so no file has them. */
enum { LMDB_KEY_MAX = 511 };

static MDB_val to_val(struct str s)
{
    return (MDB_val){ .mv_size = s.len, .mv_data = mem_unconst(s.ptr) };
}

static struct str from_val(const struct lmdb_table *l, const MDB_val *v)
{
    struct str s = { v->mv_data, v->mv_size };

    if (l->terminated && s.len && s.ptr[s.len - 1] == '\0')
        s.len--;
    return s;
}

static struct str stored_key(struct lmdb_table *l, struct str key)
{
    if (!l->terminated)
        return key;
    buf_clear(&l->key);
    buf_add(&l->key, key);
    buf_addc(&l->key, '\0');
    return buf_str(&l->key);
}

static enum table_result failed(const struct table *t, int code)
{
    log_warning("%s: %s", t->spec, mdb_strerror(code));
    return TABLE_ERROR;
}

static enum table_result lmdb_lookup(struct table *t, struct str key, struct str *value)
{
    struct lmdb_table *l = t->data;
    struct str stored = stored_key(l, key);
    MDB_val k = to_val(stored), v;

    if (stored.len == 0 || stored.len > LMDB_KEY_MAX)
        return TABLE_NOT_FOUND;
    int result = mdb_get(l->txn, l->dbi, &k, &v);
    if (result == MDB_NOTFOUND)
        return TABLE_NOT_FOUND;
    if (result != 0)
        return failed(t, result);
    *value = from_val(l, &v);
    return TABLE_FOUND;
}

/* The position is the stored key that was returned last. */
static enum table_result lmdb_next(struct table *t, struct buf *position, struct str *key,
                                   struct str *value)
{
    struct lmdb_table *l = t->data;
    MDB_val k = to_val(buf_str(position)), v;
    MDB_cursor *cursor;

    int result = mdb_cursor_open(l->txn, l->dbi, &cursor);
    if (result != 0)
        return failed(t, result);
    if (position->len == 0)
        result = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
    else if ((result = mdb_cursor_get(cursor, &k, &v, MDB_SET)) == 0)
        result = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    mdb_cursor_close(cursor);
    if (result == MDB_NOTFOUND)
        return TABLE_NOT_FOUND;
    if (result != 0)
        return failed(t, result);
    buf_clear(position);
    buf_add(position, (struct str){ k.mv_data, k.mv_size });
    *key = from_val(l, &k);
    *value = from_val(l, &v);
    return TABLE_FOUND;
}

static void lmdb_close(struct table *t)
{
    struct lmdb_table *l = t->data;

    if (l->txn)
        mdb_txn_abort(l->txn);
    mdb_env_close(l->env);
    buf_free(&l->key);
    free(l);
}

/* Files are made with NULs or without; the first key tells. */
static void learn_convention(struct lmdb_table *l)
{
    MDB_cursor *cursor;
    MDB_val k, v;

    if (mdb_cursor_open(l->txn, l->dbi, &cursor) != 0)
        return;
    if (mdb_cursor_get(cursor, &k, &v, MDB_FIRST) == 0 && k.mv_size > 0)
        l->terminated = ((const char *)k.mv_data)[k.mv_size - 1] == '\0';
    mdb_cursor_close(cursor);
}

static int start_reading(struct lmdb_table *l, const char *path)
{
    int result = mdb_env_create(&l->env);

    if (result != 0)
        return result;
    result = mdb_env_open(l->env, path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0644);
    if (result == 0)
        result = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &l->txn);
    if (result == 0)
        result = mdb_dbi_open(l->txn, NULL, 0, &l->dbi);
    return result;
}

/* A missing index is the most common mistake with tables: say what to run. */
static void explain_failure(const struct table *t, const char *path, int code, struct buf *error)
{
    buf_join(error, STR("open database "), str_from(path), STR(": "), str_from(mdb_strerror(code)));
    if (code == ENOENT)
        buf_join(error, STR(" (build it with \"postmap "), str_from(t->spec),
                 STR("\", or \"newaliases\" for an alias database)"));
}

static bool open_lmdb(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = lmdb_lookup,
                                          .next = lmdb_next,
                                          .close = lmdb_close };
    BUF_AUTO(path, 0);
    struct str type, name;
    int fd;

    if (t->flags & TABLE_WRITE)
        return table_open_lmdb_cache(t, error);
    table_spec_split(str_from(t->spec), &type, &name);
    struct lmdb_table *l = mem_alloc(sizeof *l);
    t->data = l;
    table_index_file(type, t->name, &path);
    int result = start_reading(l, buf_cstr(&path));
    if (result != 0) {
        explain_failure(t, buf_cstr(&path), result, error);
        if (result == ENOENT)
            table_watch_absent(t, buf_cstr(&path));
        lmdb_close(t);
        return false;
    }
    learn_convention(l);
    if (mdb_env_get_fd(l->env, &fd) == 0) {
        fd_set_cloexec(fd, true);
        table_watch_start(t, fd, false, false);
        table_watch_link(t, buf_cstr(&path));
    }
    t->ops = &ops;
    return true;
}

#define INDEX_TRAITS (TABLE_FIXED | TABLE_ENCODES_FILES | TABLE_WRITES | TABLE_INDEXED)

TABLE_TYPE(lmdb, .open = open_lmdb, .traits = INDEX_TRAITS);
TABLE_TYPE(hash, .open = open_lmdb, .traits = INDEX_TRAITS);
TABLE_TYPE(btree, .open = open_lmdb, .traits = INDEX_TRAITS);
