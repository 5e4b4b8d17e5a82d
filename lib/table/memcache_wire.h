#pragma once
/* table/memcache_wire - memcached's text protocol, as far as a table needs it.  Pure. */
#include "base/buf.h"

void memcache_wire_put_get(struct buf *out, struct str key);
void memcache_wire_put_set(struct buf *out, struct str key, int flags, int ttl, struct str data);
void memcache_wire_put_delete(struct buf *out, struct str key);

enum memcache_answer {
    MEMCACHE_MORE, /* the answer has not come as a whole */
    MEMCACHE_FOUND,
    MEMCACHE_MISSING,
    MEMCACHE_UNEXPECTED,
};

struct memcache_limits {
    size_t line, data;
};

/* The answer to get.  `data` is what was found; `line` what is unexpected. */
enum memcache_answer memcache_wire_read_value(struct str in, const struct memcache_limits *limits,
                                              struct str *data, struct str *line);
/* The answer to set or delete: one line.  False: it has not come yet, and `*too_long` tells whether it ever will. */
bool memcache_wire_read_line(struct str in, const struct memcache_limits *limits, struct str *line,
                             bool *too_long);
/* Can it be a key? */
bool memcache_wire_takes_key(struct str key);
