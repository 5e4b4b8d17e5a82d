#pragma once
/* conf/expand - the `$` language of configuration values, as text: no files, no parameter table.
 *
 *   $name ${name} $(name)          the value, or nothing for an unknown name
 *   ${name?text} ${name:text}      text when the name has a value / has none
 *   ${name?{text}:{text}}          one or the other
 *   ${{l} op {r}}                  "true" or nothing; op is == != < <= > >=, or <=level and so on
 *   ${{l} op {r}?{text}:{text}}    one or the other
 *   ${function{text}}              domain_to_ascii
 *   $$                             a dollar sign
 *
 * The comparison is by number when both sides are digits, by compatibility level with the level
 * operators, else by bytes. */
#include "base/buf.h"

/* Nesting of names and braces that is still reasonable; more is an error, not a stack overflow. */
#define EXPAND_DEPTH_MAX 100

/* Where names come from.  Both get `depth`, which the value callback passes on when it expands. */
struct expand_names {
    /* The expanded value; empty for an unknown name.  False with `error` set when that fails. */
    bool (*value)(void *context, struct str name, unsigned depth, struct str *value,
                  struct buf *error);
    /* What `?` and `:` ask: does the name have a value other than the empty one, before expansion? */
    bool (*is_set)(void *context, struct str name);
    void *context;
};

/* Append the expansion of `text` to `out`.  False with the reason in `error` for bad syntax, for
 * nesting deeper than EXPAND_DEPTH_MAX, and when `out` is full. */
NODISCARD bool expand_text(const struct expand_names *names, struct str text, unsigned depth,
                           struct buf *out, struct buf *error);

/* Calls `found` for each name that `text` mentions, in any branch. */
void expand_each_name(struct str text, void (*found)(void *context, struct str name),
                      void *context);
