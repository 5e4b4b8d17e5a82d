#pragma once
/* base/heap - a queue by priority whose items know their place, so that each can be moved or taken out. */
#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Does `a` go before `b`? */
typedef bool heap_before_fn(const void *a, const void *b);

struct heap {
    void **items; /* the first is before all others */
    size_t count, room;
    heap_before_fn *before;
    size_t place_at; /* in an item: offset of its place, a size_t */
    uint64_t steps;  /* comparisons so far */
};

/* The place of an item that is in no heap; its owner sets it at first. */
#define HEAP_NOWHERE SIZE_MAX
#define HEAP_INIT(type, member, before_fn) \
    ((struct heap){ .before = (before_fn), .place_at = offsetof(type, member) })

/* Items are borrowed. */
void heap_free(struct heap *h);
void heap_add(struct heap *h, void *item);
void heap_remove(struct heap *h, void *item);
/* Its rank has changed. */
void heap_update(struct heap *h, void *item);
/* NULL: empty. */
static inline void *heap_first(const struct heap *h) { return h->count ? h->items[0] : NULL; }
