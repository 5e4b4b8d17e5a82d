/* lmdb, hash, btree opened for writing: a cache with this process as its one writer (postscreen,
 * verify, TLS sessions).  Losing it costs time, never mail, so nothing is synced and a damaged
 * file is started afresh. */
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "os/fd.h"
#include "os/lock.h"
#include "os/privilege.h"
#include "table/driver.h"
#include "table/index_file.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <unistd.h>

enum { CACHE_KEY_MAX = 511 };

struct lmdb_cache {
    MDB_env *env;
    MDB_dbi dbi;
    struct buf value;
};

static MDB_val to_val(struct str s)
{
    return (MDB_val){ .mv_size = s.len, .mv_data = mem_unconst(s.ptr ? s.ptr : "") };
}

static void warn(const struct table *t, const char *what, int code)
{
    log_warning("%s: %s: %s", t->spec, what, mdb_strerror(code));
}

static enum table_result cache_lookup(struct table *t, struct str key, struct str *value)
{
    struct lmdb_cache *c = t->data;
    MDB_val k = to_val(key), v;
    MDB_txn *txn;

    if (key.len == 0 || key.len > CACHE_KEY_MAX)
        return TABLE_NOT_FOUND;
    int result = mdb_txn_begin(c->env, NULL, MDB_RDONLY, &txn);
    if (result == 0) {
        result = mdb_get(txn, c->dbi, &k, &v);
        if (result == 0) {
            buf_clear(&c->value);
            buf_add(&c->value, (struct str){ v.mv_data, v.mv_size });
            *value = buf_str(&c->value);
        }
        mdb_txn_abort(txn);
    }
    if (result == 0)
        return TABLE_FOUND;
    if (result == MDB_NOTFOUND)
        return TABLE_NOT_FOUND;
    warn(t, "lookup", result);
    return TABLE_ERROR;
}

/* One write transaction; `value` NULL deletes. */
static int change(struct lmdb_cache *c, MDB_val *key, MDB_val *value)
{
    MDB_txn *txn;
    int result = mdb_txn_begin(c->env, NULL, 0, &txn);

    if (result != 0)
        return result;
    result = value ? mdb_put(txn, c->dbi, key, value, 0) : mdb_del(txn, c->dbi, key, NULL);
    if (result == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return result == MDB_NOTFOUND ? 0 : result;
}

static bool change_with_room(struct table *t, MDB_val *key, MDB_val *value)
{
    struct lmdb_cache *c = t->data;
    MDB_envinfo info;
    int result = change(c, key, value);

    while (result == MDB_MAP_FULL && mdb_env_info(c->env, &info) == 0 &&
           info.me_mapsize <= SIZE_MAX / 4 && mdb_env_set_mapsize(c->env, 2 * info.me_mapsize) == 0)
        result = change(c, key, value);
    if (result != 0)
        warn(t, "update", result);
    return result == 0;
}

static bool cache_update(struct table *t, struct str key, struct str value)
{
    MDB_val k = to_val(key), v = to_val(value);

    return key.len > 0 && key.len <= CACHE_KEY_MAX && change_with_room(t, &k, &v);
}

static bool cache_remove(struct table *t, struct str key)
{
    MDB_val k = to_val(key);

    return key.len == 0 || key.len > CACHE_KEY_MAX || change_with_room(t, &k, NULL);
}

/* The position is the key that was returned last, which may be gone by now. */
static int step(MDB_cursor *cursor, struct buf *position, MDB_val *k, MDB_val *v)
{
    if (position->len == 0)
        return mdb_cursor_get(cursor, k, v, MDB_FIRST);
    *k = (MDB_val){ .mv_size = position->len, .mv_data = position->ptr };
    int result = mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
    if (result == 0 && str_equal(buf_str(position), (struct str){ k->mv_data, k->mv_size }))
        result = mdb_cursor_get(cursor, k, v, MDB_NEXT);
    return result;
}

static enum table_result cache_next(struct table *t, struct buf *position, struct str *key,
                                    struct str *value)
{
    struct lmdb_cache *c = t->data;
    MDB_cursor *cursor;
    MDB_txn *txn;
    MDB_val k, v;

    int result = mdb_txn_begin(c->env, NULL, MDB_RDONLY, &txn);
    if (result != 0) {
        warn(t, "scan", result);
        return TABLE_ERROR;
    }
    result = mdb_cursor_open(txn, c->dbi, &cursor);
    if (result == 0) {
        result = step(cursor, position, &k, &v);
        if (result == 0) {
            buf_clear(position);
            buf_add(position, (struct str){ k.mv_data, k.mv_size });
            buf_clear(&c->value);
            buf_add(&c->value, (struct str){ v.mv_data, v.mv_size });
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    if (result != 0)
        return result == MDB_NOTFOUND ? TABLE_NOT_FOUND : TABLE_ERROR;
    *key = buf_str(position);
    *value = buf_str(&c->value);
    return TABLE_FOUND;
}

static void cache_close(struct table *t)
{
    struct lmdb_cache *c = t->data;

    mdb_env_close(c->env);
    buf_free(&c->value);
    free(c);
}

/* The directory belongs to the mail system, so root makes the file there in its owner's name, and nobody
 * follows a link. */
static int open_file(const char *path)
{
    const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    bool root = geteuid() == 0;
    const char *name;
    struct stat st;
    FD_AUTO(dir, fd_open_parent(path, &name));

    if (dir < 0 || fstat(dir, &st) != 0)
        return -1;
    if (root)
        privilege_open_as(st.st_uid, st.st_gid);
    int fd = openat(dir, name, flags, 0600), reason = errno;
    if (root)
        privilege_open_as_before(st.st_uid);
    errno = reason;
    return fd;
}

static int open_environment(struct lmdb_cache *c, const char *path)
{
    MDB_txn *txn;
    FD_AUTO(file, open_file(path));
    int fd, result = file < 0 ? errno : mdb_env_create(&c->env);

    if (result != 0)
        return result;
    mdb_env_set_mapsize(c->env, (size_t)MAX(table_conf.lmdb_map_size, (int64_t)1 << 20));
    result = mdb_env_open(c->env, fd_name(file).text,
                          MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS, 0600);
    if (result == 0 && mdb_env_get_fd(c->env, &fd) == 0) {
        fd_set_cloexec(fd, true);
        result = lock_try_exclusive(fd) ? 0 : errno;
    }
    if (result == 0)
        result = mdb_txn_begin(c->env, NULL, 0, &txn);
    if (result != 0)
        return result;
    result = mdb_dbi_open(txn, NULL, 0, &c->dbi);
    if (result == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return result;
}

static bool is_damaged(int result)
{
    return result == MDB_INVALID || result == MDB_CORRUPTED || result == MDB_VERSION_MISMATCH ||
           result == MDB_PAGE_NOTFOUND;
}

bool table_open_lmdb_cache(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = cache_lookup,
                                          .update = cache_update,
                                          .remove = cache_remove,
                                          .next = cache_next,
                                          .close = cache_close };
    struct lmdb_cache *c = mem_alloc(sizeof *c);
    BUF_AUTO(path, 0);

    t->data = c;
    buf_join(&path, t->name, STR(TABLE_INDEX_SUFFIX));
    int result = open_environment(c, buf_cstr(&path));
    if (is_damaged(result)) {
        log_warning("%s: %s; starting with an empty one", path.ptr, mdb_strerror(result));
        mdb_env_close(c->env);
        c->env = NULL;
        (void)unlink(buf_cstr(&path));
        result = open_environment(c, buf_cstr(&path));
    }
    if (result != 0) {
        buf_join(error, STR("open database "), buf_str(&path), STR(": "),
                 str_from(mdb_strerror(result)));
        cache_close(t);
        return false;
    }
    t->ops = &ops;
    return true;
}
