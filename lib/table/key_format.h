#pragma once
/* table/key_format - what a key is sent as: text with %s (the key), %u and %d (what is left and right of its last @), %1 to %9
 * (parts of its domain, from the right), %%.  Pure. */
#include "base/buf.h"

enum key_format_result {
    KEY_FORMAT_OK,
    KEY_FORMAT_LACKS, /* the key has no part that is wanted: it is in no such table */
    KEY_FORMAT_BAD,   /* a % with something else behind it */
};

/* Appends.  Upper-case letters mean the same here. */
enum key_format_result key_format_expand(struct str format, struct str key, struct buf *out);
