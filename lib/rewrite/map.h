#pragma once
/* rewrite/map - one address through a table: canonical_maps, smtp_generic_maps and their like. */
#include "rewrite/rewrite.h"
#include "table/list.h"

/* How this daemon looks addresses up: `user` alone stands for user@ its origin and our own domains. */
struct address_walk rewrite_address_walk(struct rewriter *r, unsigned keys);

/* Replace `*address` by what the tables say, again and again up to `steps` times while it changes.  A result
 * `@domain` keeps the local part; with `extend` an extension that no key matched is appended.  Results are completed
 * with our own domain and live in `a`.  False: a lookup failed, or its result is too long for an address; that is logged. */
NODISCARD bool rewrite_map_address(struct rewriter *r, struct table_list *tables, bool extend,
                                   int steps, struct str *address, struct arena *a);
