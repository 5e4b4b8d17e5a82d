#pragma once
/* table/alias_line - one logical line of aliases(5), `name: value, value ...`. */
#include "base/buf.h"

enum alias_line {
    ALIAS_LINE_OK,
    ALIAS_LINE_NO_PAIR,   /* no name, no colon, or nothing behind it */
    ALIAS_LINE_NOT_LOCAL, /* the name has a domain */
};

/* Appends the name without its quotes, and the value in a normal form: one blank between words and
 * after each comma, quotes closed, other bytes as they were.  Both are untouched unless
 * ALIAS_LINE_OK. */
NODISCARD enum alias_line alias_line_parse(struct str line, struct buf *name, struct buf *value);
