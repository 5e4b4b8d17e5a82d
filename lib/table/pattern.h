#pragma once
/* table/pattern - the rule grammar that regexp and pcre tables share.
 *
 *     /pattern/flags result      !/pattern/flags result      if /pattern/flags ... endif
 *
 * An engine compiles and matches; everything else is here. */
#include "table/rules.h"

#define PATTERN_GROUPS_MAX 99

struct pattern_groups {
    size_t count; /* pairs that are set; group 0 is the whole match */
    struct {
        size_t from, to; /* STR_NOT_FOUND: took no part */
    } at[PATTERN_GROUPS_MAX + 1];
};

enum pattern_result { PATTERN_NO, PATTERN_YES, PATTERN_ERROR };

struct pattern_engine {
    const char *type;
    const char *no_delimiter_action; /* "skipping this rule" */
    /* The letters, and the option word before any of them is toggled.  An unknown letter is logged
     * here. */
    struct {
        char letter;
        unsigned bit;
    } options[12];
    unsigned default_options;
    /* NULL: logged.  `groups` receives how many the pattern has. */
    void *(*compile)(struct rule_list *l, unsigned line, struct str pattern, unsigned options,
                     bool needs_groups, size_t *groups);
    void (*release)(void *compiled);
    /* `groups` may be NULL.  PATTERN_ERROR has been logged. */
    enum pattern_result (*match)(const struct rule_list *l, unsigned line, void *compiled,
                                 struct str text, struct pattern_groups *groups);
};

NODISCARD bool pattern_table_open(struct table *t, const struct pattern_engine *engine,
                                  struct buf *error);
