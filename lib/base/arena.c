#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdlib.h>

#define BLOCK_SIZE 4096

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

static struct arena_block *add_block(struct arena *a, size_t size)
{
    size_t room = MAX(size, BLOCK_SIZE - sizeof(struct arena_block));
    struct arena_block *block = mem_alloc(sizeof *block + room);

    block->size = room;
    block->next = a->blocks;
    a->blocks = block;
    return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_block *block = a->blocks;
    size_t step = alignof(max_align_t);

    size = (size + step - 1) / step * step;
    if (block == NULL || block->size - block->used < size)
        block = add_block(a, size);
    void *at = block->bytes + block->used;
    block->used += size;
    return memset(at, 0, size);
}

char *arena_cstr(struct arena *a, struct str s)
{
    char *copy = arena_alloc(a, s.len + 1);

    if (s.len)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

struct str arena_str(struct arena *a, struct str s)
{
    return (struct str){ arena_cstr(a, s), s.len };
}

void arena_reset(struct arena *a)
{
    while (a->blocks && a->blocks->next) {
        struct arena_block *block = a->blocks;
        a->blocks = block->next;
        free(block);
    }
    if (a->blocks)
        a->blocks->used = 0;
}

void arena_free(struct arena *a)
{
    arena_reset(a);
    free(a->blocks);
    a->blocks = NULL;
}
