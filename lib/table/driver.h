#pragma once
/* table/driver - what a table type is made of: for the types in this folder, for plugins, and for tests. */
#include "base/list.h"
#include "table/table.h"

#include <sys/stat.h>

/* What one open table can do.  A type without `lookup` cannot exist; the other members may be
 * NULL. */
struct table_ops {
    /* The result borrows from the table until its next lookup.  An error has been logged. */
    enum table_result (*lookup)(struct table *t, struct str key, struct str *value);
    bool (*update)(struct table *t, struct str key, struct str value);
    bool (*remove)(struct table *t, struct str key);
    enum table_result (*next)(struct table *t, struct buf *position, struct str *key,
                              struct str *value);
    /* See table_result_at(). */
    bool (*result_at)(const struct table *t, size_t i, struct str *value);
    void (*close)(struct table *t);
};

/* What kinds of keys a type works on. */
enum table_trait {
    TABLE_FIXED = 1 << 0, /* fixed strings: keys are folded and may be parts of an address */
    TABLE_ENCODES_FILES = 1 << 1, /* with TABLE_VALUES_ARE_FILES results come out base64-encoded */
    TABLE_WRITES = 1 << 2,        /* knows TABLE_WRITE */
    TABLE_INDEXED = 1 << 3,       /* has an index file that postmap builds */
    TABLE_ASKS_SERVER =
        1 << 4, /* needs connections (table/server), or a library that may need anything */
};

/* The file behind a table, to notice when it is replaced. */
struct table_watch {
    int fd;   /* its own, or of the directory that it is missing from; -1: none */
    int link; /* that leads to it; -1: none */
    bool owned;
    bool text; /* people edit it in place: wait until they have stopped */
    nlink_t links;
    struct timespec changed;
};

struct table {
    const struct table_ops *ops; /* NULL: could not be opened */
    char *spec;
    struct str name; /* what follows "type:", inside spec */
    unsigned flags, traits;
    unsigned references;
    void *data;
    struct buf scratch; /* results that are composed */
    struct buf folded;
    struct buf reason;   /* why it could not be opened */
    unsigned complaints; /* of keys that are no UTF-8 */
    struct table_watch watch;
    uid_t owner; /* see table_owner() */
    struct list node;
};

/* One type.  `open` sets ops and data; false: `error` says why. */
struct table_type {
    const char *name;
    bool (*open)(struct table *t, struct buf *error);
    unsigned traits; /* enum table_trait */
};
/* A built-in type: CMake looks for these rows, so that there is no list of them to keep. */
#define TABLE_TYPE(type, ...) \
    const struct table_type table_type_##type = { .name = #type, __VA_ARGS__ }
/* Any other one; before the first table of its kind is opened, and for the life of the process. */
void table_type_register(const struct table_type *type);
const struct table_type *table_type_find(struct str name);

/* Note the state and the owner of `fd`; `owned`: close it with the table. */
void table_watch_start(struct table *t, int fd, bool owned, bool text);
/* There is no file at `path`: notice what comes into its directory, or into the one where that is missing. */
void table_watch_absent(struct table *t, const char *path);
/* If `path` is a symbolic link, notice when another takes its place. */
void table_watch_link(struct table *t, const char *path);
bool table_watch_has_changed(const struct table_watch *w);
/* Read the whole text file `name` and watch it.  False: `error` says "open NAME: reason". */
NODISCARD bool table_read_file(struct table *t, struct str name, struct buf *text,
                               struct buf *error);

/* `{ text }` in brace syntax of a table name: the text inside, trimmed.  False: no such shape;
 * `error` receives the reason ("missing '}' in ..."). */
NODISCARD bool table_unbrace(struct str text, struct str *inside, struct buf *error);
/* The next element of such text, as str_token_braced() cuts it.  False at the end, and then
 * `error` is empty, or for something glued to a closing brace. */
NODISCARD bool table_next_element(struct str *text, struct str *element, bool *braced,
                                  struct buf *error);

/* Not types of their own: a cache in an indexed file, and the table behind the first colon, opened by this
 * process. */
bool table_open_lmdb_cache(struct table *t, struct buf *error);
bool table_open_inside(struct table *t, struct buf *error);
