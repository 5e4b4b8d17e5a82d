#pragma once
/* table/template - the right-hand side of a regexp or pcre rule: text, $1, ${1}, $(1), $$. */
#include "base/arena.h"
#include "base/buf.h"

struct template_part {
    struct str text;
    size_t group; /* 0: text; else the number of a parenthesised group */
};

struct template
{
    struct template_part *parts;
    size_t count;
    size_t highest_group; /* 0: no substitution at all */
};

/* Parts live in the arena and copy the text.  False: `why` receives what is wrong with which
 * piece. */
NODISCARD bool template_parse(struct arena *a, struct str text, struct template *out,
                              struct buf *why);
