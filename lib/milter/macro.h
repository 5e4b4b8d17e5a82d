#pragma once
/* milter/macro - the facts that go before an event: names that the site or the filter chose, values that the mail system
 * knows. */
#include "base/arena.h"
#include "base/buf.h"

/* Values for those that have none (milter_macro_defaults). */
struct milter_macro {
    struct str name; /* without braces */
    struct str value;
};
struct milter_macros {
    struct milter_macro *items;
    size_t count;
};

/* "name=value, {name}=value, { name = value with blanks }"; the first of a name counts, and `remarks` gets a line about
 * each later one.  False: `why` says it. */
NODISCARD bool milter_macros_parse(struct arena *a, struct str text, struct milter_macros *out,
                                   struct buf *remarks, struct buf *why);

/* The value of a macro, by its name without braces; absent when it has none. */
typedef struct str milter_macro_fn(void *context, struct str name);

/* Names and values as they go into a packet; `names` are separated by blanks and commas, and spelt in the packet as there.
 * Those that have no value anywhere are left out. */
void milter_macros_format(struct str names, const struct milter_macros *defaults,
                          milter_macro_fn *value_of, void *context, struct buf *out);
