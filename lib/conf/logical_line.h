#pragma once
/* conf/logical_line - the line grammar that main.cf and master.cf share.
 *
 * A line that begins with white space continues the one before it; empty lines and lines whose first
 * visible byte is `#` do not count, also between a line and its continuation.  Joined lines lose the
 * newline and keep the white space. */
#include "base/arena.h"

struct logical_line {
    struct str
        text; /* borrowed from the source, or joined in the arena; no newline, no trailing blanks */
    unsigned number; /* physical line where it begins, counted from 1 */
    bool indented;   /* begins with white space: there was nothing to continue */
};

struct logical_reader {
    struct str rest;
    unsigned line; /* physical lines consumed */
    struct arena *arena;
};

#define LOGICAL_READER(source, memory) \
    ((struct logical_reader){ .rest = (source), .arena = (memory) })

/* False at the end of the text. */
NODISCARD bool logical_line_next(struct logical_reader *r, struct logical_line *line);

/* A physical line that carries nothing: empty, blank or a comment. */
bool logical_line_is_comment(struct str physical);
