#pragma once
/* table/internal - what the table types share; nobody outside this folder includes it. */
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
    void (*close)(struct table *t);
};

/* What kinds of keys a type works on. */
enum table_trait {
    TABLE_FIXED = 1 << 0, /* fixed strings: keys are folded and may be parts of an address */
    TABLE_ENCODES_FILES = 1 << 1, /* with TABLE_VALUES_ARE_FILES results come out base64-encoded */
};

/* The file behind a table, to notice when it is replaced. */
struct table_watch {
    int fd; /* -1: none */
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

/* A row of the type table.  `open` sets ops and data; false: `error` says why. */
struct table_type {
    const char *name;
    bool (*open)(struct table *t, struct buf *error);
    unsigned traits;
    bool writes; /* knows TABLE_WRITE */
};
const struct table_type *table_type_find(struct str name);

/* Note the state and the owner of `fd`; `owned`: close it with the table. */
void table_watch_start(struct table *t, int fd, bool owned, bool text);
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

bool table_open_lmdb(struct table *t, struct buf *error);
bool table_open_lmdb_cache(struct table *t, struct buf *error);
bool table_open_texthash(struct table *t, struct buf *error);
bool table_open_inline(struct table *t, struct buf *error);
bool table_open_internal(struct table *t, struct buf *error);
bool table_open_static(struct table *t, struct buf *error);
bool table_open_fail(struct table *t, struct buf *error);
bool table_open_environ(struct table *t, struct buf *error);
bool table_open_unix(struct table *t, struct buf *error);
bool table_open_regexp(struct table *t, struct buf *error);
bool table_open_pcre(struct table *t, struct buf *error);
bool table_open_cidr(struct table *t, struct buf *error);
bool table_open_pipemap(struct table *t, struct buf *error);
bool table_open_unionmap(struct table *t, struct buf *error);
bool table_open_randmap(struct table *t, struct buf *error);
bool table_open_debug(struct table *t, struct buf *error);
bool table_open_proxy(struct table *t, struct buf *error);
/* Not a type of its own: the table behind the first colon, opened by this process. */
bool table_open_inside(struct table *t, struct buf *error);
