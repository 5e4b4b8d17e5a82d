#include "base/heap.h"

#include "base/mem.h"

#include <stdlib.h>

static size_t *place_of(const struct heap *h, void *item)
{
    return (size_t *)(void *)((char *)item + h->place_at);
}

static void put(struct heap *h, size_t at, void *item)
{
    h->items[at] = item;
    *place_of(h, item) = at;
}

static bool goes_first(struct heap *h, const void *a, const void *b)
{
    h->steps++;
    return h->before(a, b);
}

static void rise(struct heap *h, size_t at)
{
    void *item = h->items[at];

    while (at > 0 && goes_first(h, item, h->items[(at - 1) / 2])) {
        put(h, at, h->items[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(h, at, item);
}

static void sink(struct heap *h, size_t at)
{
    void *item = h->items[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < h->count && goes_first(h, h->items[child + 1], h->items[child]))
            child++;
        if (child >= h->count || !goes_first(h, h->items[child], item))
            break;
        put(h, at, h->items[child]);
        at = child;
    }
    put(h, at, item);
}

void heap_free(struct heap *h)
{
    free(h->items);
    h->items = NULL;
    h->count = h->room = 0;
}

void heap_add(struct heap *h, void *item)
{
    if (h->count == h->room) {
        h->room = h->room ? h->room * 2 : 8;
        h->items = mem_resize(h->items, h->room * sizeof(void *));
    }
    put(h, h->count++, item);
    rise(h, *place_of(h, item));
}

void heap_update(struct heap *h, void *item)
{
    rise(h, *place_of(h, item));
    sink(h, *place_of(h, item));
}

void heap_remove(struct heap *h, void *item)
{
    size_t at = *place_of(h, item);
    void *last = h->items[--h->count];

    *place_of(h, item) = HEAP_NOWHERE;
    if (last == item)
        return;
    put(h, at, last);
    heap_update(h, last);
}
