#pragma once
/* text/macro - `$name`, `$(name)`, `${name}`, `${name?text}`, `${name:text}` and `${name?{yes}:{no}}` in commands,
 * path lists and addresses of main.cf that are expanded for each recipient.  `$$` is a dollar. */
#include "base/buf.h"

struct macro_source {
    /* False: no such name.  Otherwise *value is set; empty means "no value" to the conditional forms. */
    bool (*value)(const void *context, struct str name, struct str *value);
    const void *context;
    struct str allowed; /* bytes that values may hold; others become '_'.  Absent: all */
};

/* Append the expansion.  False: an unknown name (`bad`, may be NULL, receives it) or bad syntax. */
NODISCARD bool macro_expand(struct str text, const struct macro_source *source, struct buf *out,
                            struct str *bad);
void macro_add_filtered(struct buf *out, struct str value, struct str allowed);
