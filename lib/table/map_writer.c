#include "table/map_writer.h"

#include "base/mem.h"
#include "conf/params.h"
#include "os/fd.h"
#include "os/lock.h"
#include "table/key_sort.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAP_KEY_MAX = 511, PAGE = 4096 };

struct entry {
    size_t at; /* key and then value in `bytes` */
    uint32_t key, value;
    bool dead, lost; /* deleted or lost against an equal key; the latter only */
};

struct map_writer {
    char *path;
    unsigned flags;
    const struct plugin_maker *maker; /* NULL: it is an LMDB file */
    struct buf bytes;
    struct entry *entries;
    size_t count, room;
    size_t resumed; /* entries below this came from the published file, in key order */
    struct sort_item *order;
    int lock;
};

struct map_writer *map_writer_new(const char *path, unsigned flags)
{
    struct map_writer *w = mem_alloc(sizeof *w);

    *w = (struct map_writer){ .path = mem_copy_cstr(path), .flags = flags, .lock = -1 };
    return w;
}

void map_writer_use(struct map_writer *w, const struct plugin_maker *maker) { w->maker = maker; }

void map_writer_free(struct map_writer *w)
{
    if (w == NULL)
        return;
    if (w->lock >= 0)
        close(w->lock);
    buf_free(&w->bytes);
    free(w->entries);
    free(w->order);
    free(w->path);
    free(w);
}

static struct str key_of(const struct map_writer *w, const struct entry *e)
{
    return (struct str){ w->bytes.ptr + e->at, e->key };
}

static void add_entry(struct map_writer *w, struct str key, struct str value, bool terminate)
{
    struct entry e = { .at = w->bytes.len,
                       .key = (uint32_t)(key.len + terminate),
                       .value = (uint32_t)(value.len + terminate) };

    buf_add(&w->bytes, key);
    if (terminate)
        buf_addc(&w->bytes, '\0');
    buf_add(&w->bytes, value);
    if (terminate)
        buf_addc(&w->bytes, '\0');
    if (w->count == w->room) {
        w->room = w->room ? 2 * w->room : 64;
        w->entries = mem_resize(w->entries, w->room * sizeof *w->entries);
    }
    w->entries[w->count++] = e;
}

bool map_writer_add(struct map_writer *w, struct str key, struct str value)
{
    bool terminate = (w->flags & MAP_WRITER_NULS) != 0;

    if (key.len == 0 || key.len + terminate > (w->maker ? UINT32_MAX / 4 : MAP_KEY_MAX) ||
        value.len > UINT32_MAX / 4 || w->count == UINT32_MAX)
        return false;
    add_entry(w, key, value, terminate);
    return true;
}

/* ---- taking over what is there ---- */

static bool fail(const struct map_writer *w, int code, struct buf *error)
{
    buf_join(error, STR("open database "), str_from(w->path), STR(": "),
             str_from(mdb_strerror(code)));
    return false;
}

/* Lock the published file; by the time the lock is granted another writer may have replaced it. */
static int lock_published(struct map_writer *w, struct stat *held)
{
    struct stat published;

    for (;;) {
        w->lock = open(w->path, O_RDONLY | O_CLOEXEC);
        if (w->lock < 0)
            return errno == ENOENT ? 0 : errno;
        if (!lock_exclusive(w->lock) || fstat(w->lock, held) != 0)
            return errno;
        if (stat(w->path, &published) == 0 && published.st_ino == held->st_ino &&
            published.st_dev == held->st_dev)
            return 0;
        close(w->lock);
        w->lock = -1;
    }
}

static int copy_entries(struct map_writer *w, MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val k, v;
    MDB_dbi dbi;
    int result = mdb_dbi_open(txn, NULL, 0, &dbi);

    if (result == 0)
        result = mdb_cursor_open(txn, dbi, &cursor);
    if (result != 0)
        return result;
    while ((result = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        if (w->count == 0 && k.mv_size > 0) {
            bool terminated = ((const char *)k.mv_data)[k.mv_size - 1] == '\0';
            w->flags =
                terminated ? w->flags | MAP_WRITER_NULS : w->flags & ~(unsigned)MAP_WRITER_NULS;
        }
        add_entry(w, (struct str){ k.mv_data, k.mv_size }, (struct str){ v.mv_data, v.mv_size },
                  false);
    }
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND ? 0 : result;
}

bool map_writer_resume(struct map_writer *w, struct draft_owner *owner, struct buf *error)
{
    MDB_env *env;
    MDB_txn *txn;
    struct stat st = { 0 };
    int result = lock_published(w, &st);

    if (result != 0)
        return fail(w, result, error);
    if (w->lock < 0)
        return true;
    result = mdb_env_create(&env);
    if (result == 0)
        result =
            mdb_env_open(env, fd_name(w->lock).text, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0644);
    if (result == 0 && (result = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn)) == 0) {
        result = copy_entries(w, txn);
        mdb_txn_abort(txn);
    }
    mdb_env_close(env);
    w->resumed = w->count;
    if (result == 0)
        *owner = (struct draft_owner){ geteuid() == 0, st.st_uid, st.st_gid, st.st_mode & 07777 };
    return result == 0 || fail(w, result, error);
}

bool map_writer_delete(struct map_writer *w, struct str key)
{
    BUF_AUTO(stored, 0);
    struct str wanted;
    size_t low = 0, high = w->resumed;

    buf_add(&stored, key);
    if (w->flags & MAP_WRITER_NULS)
        buf_addc(&stored, '\0');
    wanted = buf_str(&stored);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct entry *e = &w->entries[middle];
        int order = str_compare(wanted, key_of(w, e));

        if (order == 0) {
            bool was_there = !e->dead;
            e->dead = true;
            return was_there;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* ---- publishing ---- */

static struct str key_at(const void *writer, uint32_t index)
{
    const struct map_writer *w = writer;

    return key_of(w, &w->entries[index]);
}

/* Of equal keys the first stays, or with MAP_WRITER_REPLACE the last; deleted ones do not count. */
static void settle_equal(void *writer, const struct sort_item *run, size_t count)
{
    struct map_writer *w = writer;
    struct entry *winner = NULL;

    for (size_t i = 0; i < count; i++) {
        struct entry *e = &w->entries[run[i].index];

        if (e->dead)
            continue;
        struct entry *loser = w->flags & MAP_WRITER_REPLACE ? winner : e;
        winner = winner == NULL || loser == winner ? e : winner;
        if (loser && loser != winner)
            loser->dead = loser->lost = true;
    }
}

static void sort_entries(struct map_writer *w)
{
    const struct key_order order = { .key = key_at, .equal = settle_equal, .context = w };

    w->order = mem_resize(w->order, (w->count + 1) * sizeof *w->order);
    for (size_t i = 0; i < w->count; i++)
        w->order[i].index = (uint32_t)i;
    key_sort(w->order, w->count, &order);
}

static void report_duplicates(const struct map_writer *w, void (*duplicate)(void *, struct str),
                              void *context)
{
    if (duplicate == NULL || (w->flags & MAP_WRITER_REPLACE))
        return;
    for (size_t i = 0; i < w->count; i++) {
        struct str key = key_of(w, &w->entries[i]);

        if (!w->entries[i].lost)
            continue;
        if (w->flags & MAP_WRITER_NULS)
            key.len--;
        duplicate(context, key);
    }
}

/* More than any layout of these entries can take; it costs address space only. */
static size_t map_size(const struct map_writer *w)
{
    size_t size = (size_t)MAX(table_conf.lmdb_map_size, (int64_t)1 << 20), need = (size_t)64 * PAGE;

    for (size_t i = 0; i < w->count; i++) {
        size_t node = 16 + w->entries[i].key + w->entries[i].value;
        need += node > PAGE / 4 ? (node / PAGE + 3) * PAGE : 2 * node;
    }
    need = (need + need / 4 + PAGE - 1) / PAGE * PAGE;
    return MAX(size, need);
}

/* Key order jumps about in memory; asking for it a few entries ahead halves the time of a large
 * build. */
static void prefetch(const struct map_writer *w, size_t i)
{
    enum { ENTRY_AHEAD = 16, BYTES_AHEAD = 8 };

    if (i + ENTRY_AHEAD >= w->count)
        return;
    __builtin_prefetch(&w->entries[w->order[i + ENTRY_AHEAD].index]);
    __builtin_prefetch(w->bytes.ptr + w->entries[w->order[i + BYTES_AHEAD].index].at);
}

static int put_entries(struct map_writer *w, MDB_txn *txn)
{
    MDB_dbi dbi;
    MDB_cursor *cursor;
    int result = mdb_dbi_open(txn, NULL, 0, &dbi);

    if (result == 0)
        result = mdb_cursor_open(txn, dbi, &cursor);
    if (result != 0)
        return result;
    for (size_t i = 0; i < w->count && result == 0; i++) {
        const struct entry *e = &w->entries[w->order[i].index];
        MDB_val k = { .mv_size = e->key, .mv_data = w->bytes.ptr + e->at };
        MDB_val v = { .mv_size = e->value, .mv_data = w->bytes.ptr + e->at + e->key };

        prefetch(w, i);
        if (!e->dead)
            result = mdb_cursor_put(cursor, &k, &v, MDB_APPEND);
    }
    mdb_cursor_close(cursor);
    return result;
}

static int write_by_maker(struct map_writer *w, int fd)
{
    void *made = w->maker->begin(fd);
    bool good = made != NULL;

    for (size_t i = 0; i < w->count && good; i++) {
        const struct entry *e = &w->entries[i];
        struct str value = { w->bytes.ptr + e->at + e->key, e->value };
        good = e->dead || w->maker->add(made, key_of(w, e), value);
    }
    if (made)
        good = w->maker->end(made);
    return good && fsync(fd) == 0 ? 0 : errno;
}

static int write_lmdb(struct map_writer *w, const char *path)
{
    MDB_env *env;
    MDB_txn *txn;
    int result = mdb_env_create(&env);

    if (result != 0)
        return result;
    mdb_env_set_mapsize(env, map_size(w));
    result = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600);
    if (result == 0 && (result = mdb_txn_begin(env, NULL, 0, &txn)) == 0) {
        result = put_entries(w, txn);
        if (result == 0)
            result = mdb_txn_commit(txn);
        else
            mdb_txn_abort(txn);
    }
    if (result == 0)
        result = mdb_env_sync(env, 1);
    mdb_env_close(env);
    return result;
}

static int publish(struct map_writer *w, const struct draft_owner *owner)
{
    struct draft draft;
    int result = draft_open(&draft, w->path);

    if (result == 0)
        result = w->maker ? write_by_maker(w, draft.fd) : write_lmdb(w, fd_name(draft.fd).text);
    if (result == 0)
        result = draft_publish(&draft, owner);
    draft_close(&draft);
    return result;
}

bool map_writer_publish(struct map_writer *w, const struct draft_owner *owner,
                        void (*duplicate)(void *context, struct str key), void *context,
                        struct buf *error)
{
    sort_entries(w);
    report_duplicates(w, duplicate, context);
    int result = publish(w, owner);
    return result == 0 || fail(w, result, error);
}
