#pragma once
#include "base/str.h"

#include <stdint.h>

/* Hash map from byte strings to pointers.  Keys are copied; values belong to the caller. */
struct map_entry;
struct map {
    struct map_entry **slots;
    size_t count, size;
};

#define MAP_INIT ((struct map){ NULL, 0, 0 })

void *map_get(const struct map *m, struct str key); /* NULL if absent */
bool map_has(const struct map *m, struct str key);
/* Returns the value that was there before, or NULL. */
void *map_set(struct map *m, struct str key, void *value);
/* Returns the value that was removed, or NULL. */
void *map_remove(struct map *m, struct str key);
/* Walk: `cursor` starts at NULL; false at the end.  The entry just returned may be removed. */
struct map_cursor {
    size_t slot;
    struct map_entry *next;
    bool started;
};
bool map_next(const struct map *m, struct map_cursor *cursor, struct str *key, void **value);
void map_free(struct map *m, void (*free_value)(void *value)); /* free_value may be NULL */

/* A 64-bit hash that an outsider cannot steer: its key is drawn once per process. */
uint64_t map_hash(struct str key);
/* For tests: how many entries a look-up of `key` passes. */
size_t map_steps(const struct map *m, struct str key);
