#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdlib.h>

/* Blocks double: an arena for three words costs little, and one for a message has few blocks. */
#define BLOCK_MIN 256
#define BLOCK_MAX 4096

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

static size_t block_size(const struct arena_block *block) { return sizeof *block + block->size; }

static struct arena_block *add_block(struct arena *a, size_t size)
{
    size_t usual = a->blocks ? MIN(2 * block_size(a->blocks), (size_t)BLOCK_MAX) : BLOCK_MIN;
    size_t room = MAX(size, usual - sizeof(struct arena_block));
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
    struct arena_block *kept = NULL, *next;

    for (struct arena_block *block = a->blocks; block; block = next) {
        next = block->next;
        if (kept == NULL && block_size(block) <= BLOCK_MAX)
            kept = block;
        else
            free(block);
    }
    if (kept) {
        kept->used = 0;
        kept->next = NULL;
    }
    a->blocks = kept;
}

void arena_free(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *block = a->blocks;
        a->blocks = block->next;
        free(block);
    }
}
