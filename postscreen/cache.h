#pragma once
/* postscreen/cache - what clients have passed, kept over the life of a process (postscreen_cache_map), and its clean-up. */
#include "os/loop.h"
#include "postscreen/merits.h"

struct cache;

/* Before the jail.  NULL: the site wants none.  Ends the process when it cannot be opened. */
struct cache *cache_open(void);
/* From now on what is of no use any more is removed, a bit at a time; `enabled` are bits of tests. */
void cache_start_cleaning(struct cache *c, struct loop *loop, unsigned enabled);
/* So that a successor may have it. */
void cache_close(struct cache *c);

/* `m` stays as it is when nobody knows that address, or there is no cache. */
void cache_lookup(struct cache *c, struct str address, struct merits *m);
void cache_update(struct cache *c, struct str address, const struct merits *m);
