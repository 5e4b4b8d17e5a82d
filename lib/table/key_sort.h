#pragma once
/* table/key_sort - sort many keys, fast also when they begin alike. */
#include "base/str.h"

#include <stdint.h>

struct sort_item {
    uint64_t part;  /* eight bytes of the key, at the depth that is being sorted */
    uint32_t index; /* whose key it is */
};

struct key_order {
    struct str (*key)(const void *context, uint32_t index);
    /* Told of each run of equal keys, in order of index. */
    void (*equal)(void *context, const struct sort_item *run, size_t count);
    void *context;
};

/* Order items by key (bytes, then length), equal keys by index. */
void key_sort(struct sort_item *items, size_t count, const struct key_order *order);
