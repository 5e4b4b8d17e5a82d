#include "base/map.h"

#include "base/mem.h"
#include "base/siphash.h"

#include <stdlib.h>

struct map_entry {
    struct map_entry *next;
    uint64_t hash;
    void *value;
    size_t len;
    char key[];
};

/* Keys come from strangers (client addresses, recipients), and nobody outside may choose collisions. */
uint64_t map_hash(struct str key)
{
    static struct siphash_key secret; /* of this process */
    static bool drawn;

    if (!drawn)
        secret = siphash_new_key();
    drawn = true;
    return siphash(&secret, key);
}

static bool is_entry(const struct map_entry *e, struct str key, uint64_t hash)
{
    return e->hash == hash && str_equal((struct str){ e->key, e->len }, key);
}

static struct map_entry **find(const struct map *m, struct str key, uint64_t hash)
{
    if (m->size == 0)
        return NULL;
    struct map_entry **at = &m->slots[hash & (m->size - 1)];
    while (*at && !is_entry(*at, key, hash))
        at = &(*at)->next;
    return at;
}

void *map_get(const struct map *m, struct str key)
{
    struct map_entry **at = find(m, key, map_hash(key));

    return at && *at ? (*at)->value : NULL;
}

bool map_has(const struct map *m, struct str key)
{
    struct map_entry **at = find(m, key, map_hash(key));

    return at && *at;
}

static void grow(struct map *m)
{
    size_t size = m->size ? m->size * 2 : 16;
    struct map_entry **slots = mem_alloc(size * sizeof(struct map_entry *));

    for (size_t i = 0; i < m->size; i++) {
        for (struct map_entry *e = m->slots[i], *next; e; e = next) {
            next = e->next;
            e->next = slots[e->hash & (size - 1)];
            slots[e->hash & (size - 1)] = e;
        }
    }
    free(m->slots);
    m->slots = slots;
    m->size = size;
}

void *map_set(struct map *m, struct str key, void *value)
{
    uint64_t hash = map_hash(key);
    struct map_entry **at = find(m, key, hash);

    if (at && *at) {
        void *old = (*at)->value;
        (*at)->value = value;
        return old;
    }
    if (m->count >= m->size)
        grow(m);
    struct map_entry *e = mem_alloc(sizeof *e + key.len + 1);
    e->hash = hash;
    e->value = value;
    e->len = key.len;
    if (key.len)
        memcpy(e->key, key.ptr, key.len);
    at = &m->slots[hash & (m->size - 1)];
    e->next = *at;
    *at = e;
    m->count++;
    return NULL;
}

void *map_remove(struct map *m, struct str key)
{
    struct map_entry **at = find(m, key, map_hash(key));

    if (at == NULL || *at == NULL)
        return NULL;
    struct map_entry *e = *at;
    void *value = e->value;
    *at = e->next;
    free(e);
    m->count--;
    return value;
}

bool map_next(const struct map *m, struct map_cursor *cursor, struct str *key, void **value)
{
    if (!cursor->started) {
        *cursor =
            (struct map_cursor){ .slot = 0, .next = m->size ? m->slots[0] : NULL, .started = true };
    }
    while (cursor->next == NULL && cursor->slot + 1 < m->size)
        cursor->next = m->slots[++cursor->slot];
    if (cursor->next == NULL)
        return false;
    struct map_entry *e = cursor->next;
    cursor->next = e->next;
    if (key)
        *key = (struct str){ e->key, e->len };
    if (value)
        *value = e->value;
    return true;
}

size_t map_steps(const struct map *m, struct str key)
{
    size_t steps = 1;

    if (m->size == 0)
        return 0;
    uint64_t hash = map_hash(key);
    for (const struct map_entry *e = m->slots[hash & (m->size - 1)]; e; e = e->next, steps++)
        if (is_entry(e, key, hash))
            return steps;
    return steps;
}

void map_free(struct map *m, void (*free_value)(void *value))
{
    for (size_t i = 0; i < m->size; i++) {
        for (struct map_entry *e = m->slots[i], *next; e; e = next) {
            next = e->next;
            if (free_value)
                free_value(e->value);
            free(e);
        }
    }
    free(m->slots);
    *m = MAP_INIT;
}
