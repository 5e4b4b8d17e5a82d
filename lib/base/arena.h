#pragma once
#include "base/str.h"

/* Memory for everything that dies together: a transaction, a parsed file, a request.
 * arena_reset() forgets all of it and keeps a block for the next round. */
struct arena_block;
struct arena {
    struct arena_block *blocks;
};

#define ARENA_INIT       ((struct arena){ NULL })
#define ARENA_AUTO(name) CLEANUP(arena_free) struct arena name = ARENA_INIT

/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull));
/* Copies; the bytes are followed by a NUL that is not counted. */
struct str arena_str(struct arena *a, struct str s);
char *arena_cstr(struct arena *a, struct str s);
void arena_reset(struct arena *a);
void arena_free(struct arena *a);
