#pragma once
/* table/rules - what regexp, pcre and cidr tables have in common: rules in order, `if` ...
 * `endif`, from a file or inline as `{ {rule}, {rule} }`. */
#include "base/arena.h"
#include "table/driver.h"

struct rule {
    enum rule_kind { RULE_MATCH, RULE_IF, RULE_ENDIF } kind;
    bool negated;
    unsigned line;
    unsigned next; /* RULE_IF that does not hold: index to go on at */
    void *pattern; /* of the type */
    void *result;  /* of the type */
};

struct rule_list {
    const char *type; /* "regexp", for warnings */
    const char *name;
    struct rule *rules;
    unsigned count;
    unsigned depth;              /* of `if` while reading */
    const char *endif_unmatched; /* the type's warning for an `endif` without `if` */
    struct arena arena;          /* for what the type keeps */
};

/* One rule's text on its way into a struct rule.  A bad rule is logged and skipped (false). */
typedef bool rule_parse_fn(struct rule_list *l, struct str text, struct rule *rule);

/* Reads all rules of the table's name and links each `if` to its `endif`.  False: `error` says why
 * the table cannot be used at all. */
NODISCARD bool rules_read(struct table *t, struct rule_list *l, rule_parse_fn *parse,
                          struct buf *error);
void rules_free(struct rule_list *l);
/* "regexp map NAME, line N: TEXT" */
void rules_warn(const struct rule_list *l, unsigned line, const char *fmt, ...) PRINTF(3, 4);

/* If `text` begins with the word `if` or `endif` (any case), the kind it is and what follows; else
 * RULE_MATCH. */
enum rule_kind rules_keyword(struct str *text);
/* Strips `!` marks and the blanks around them; true for an odd number. */
bool rules_negation(struct str *text);

/* Walk: the first rule for which `holds` is true decides (negation has been applied by the
 * caller's `holds`). */
const struct rule *rules_first_match(const struct rule_list *l,
                                     bool (*holds)(const struct rule *rule, void *context),
                                     void *context);
