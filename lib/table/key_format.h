#pragma once
/* table/key_format - what a key is sent as, and what a result becomes: text with %s (the key), %u and %d (what is left and
 * right of its last @), %1 to %9 (parts of its domain, from the right), %%.  Pure. */
#include "base/buf.h"

enum key_format_result {
    KEY_FORMAT_OK,
    KEY_FORMAT_LACKS, /* the key has no part that is wanted: it is in no such table */
    KEY_FORMAT_BAD,   /* a % with something else behind it */
};

/* How a part of a key is put between the words of a query language, so that it says nothing in that language.  Appends;
 * false: it cannot be said. */
typedef bool key_quote_fn(void *context, struct str part, struct buf *out);

/* Is there no % with anything else behind it? */
bool key_format_is_good(struct str format);
/* Does it take anything from the key? */
bool key_format_has_parts(struct str format);
/* Appends.  Upper-case letters mean the same here. */
enum key_format_result key_format_expand(struct str format, struct str key, struct buf *out);
/* Each part goes through `quote` (NULL: as it is).  LACKS also for a part that cannot be said. */
enum key_format_result key_format_expand_quoted(struct str format, struct str key,
                                                key_quote_fn *quote, void *context,
                                                struct buf *out);
/* Small letters take parts of `value`, upper-case ones and digits those of `key`. */
enum key_format_result key_format_expand_result(struct str format, struct str value, struct str key,
                                                struct buf *out);
