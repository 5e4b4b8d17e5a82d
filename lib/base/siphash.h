#pragma once
/* base/siphash - SipHash-2-4: a keyed hash whose collisions nobody finds who does not know the key.  For
 * every table whose keys strangers choose. */
#include "base/log.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

struct siphash_key {
    uint64_t half[2];
};

struct siphash_state_ {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t siphash_rotate_(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void siphash_two_rounds_(struct siphash_state_ *s)
{
    for (int i = 0; i < 2; i++) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = siphash_rotate_(s->v1, 13) ^ s->v0;
        s->v3 = siphash_rotate_(s->v3, 16) ^ s->v2;
        s->v0 = siphash_rotate_(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = siphash_rotate_(s->v1, 17) ^ s->v2;
        s->v3 = siphash_rotate_(s->v3, 21) ^ s->v0;
        s->v2 = siphash_rotate_(s->v2, 32);
    }
}

/* Up to eight bytes, and in the last word the length. */
static inline void siphash_absorb_(struct siphash_state_ *s, const char *at, size_t count,
                                   uint64_t length)
{
    uint64_t word = 0;

    if (count)
        memcpy(&word, at, count);
    word = le64toh(word) | length << 56;
    s->v3 ^= word;
    siphash_two_rounds_(s);
    s->v0 ^= word;
}

static inline uint64_t siphash(const struct siphash_key *key, struct str bytes)
{
    struct siphash_state_ s = {
        key->half[0] ^ 0x736f6d6570736575,
        key->half[1] ^ 0x646f72616e646f6d,
        key->half[0] ^ 0x6c7967656e657261,
        key->half[1] ^ 0x7465646279746573,
    };
    size_t at = 0;

    for (; at + 8 <= bytes.len; at += 8)
        siphash_absorb_(&s, bytes.ptr + at, 8, 0);
    siphash_absorb_(&s, bytes.len ? bytes.ptr + at : "", bytes.len - at, bytes.len);
    s.v2 ^= 0xff;
    siphash_two_rounds_(&s);
    siphash_two_rounds_(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/* A fresh secret from the kernel. */
static inline struct siphash_key siphash_new_key(void)
{
    struct siphash_key key;

    if (getrandom(&key, sizeof key, 0) != (ssize_t)sizeof key)
        log_fatal("getrandom: %s", strerror(errno));
    return key;
}
