#pragma once
/* conf/main_cf - the grammar of main.cf: `name = value`, one to a logical line. */
#include "base/arena.h"
#include "base/buf.h"

struct main_cf_setting {
    struct str name, value; /* value unexpanded, without blanks around it */
    unsigned line;          /* where it begins */
};

typedef void main_cf_fn(void *context, const struct main_cf_setting *setting);

/* Call `each` for every setting, in the order of the file.  False at the first bad line; then `error`
 * has "FILE, line N: what is wrong".  An indented first line is only warned about, as it always was.
 * The strings borrow from `text` and `arena`. */
NODISCARD bool main_cf_parse(struct str text, struct str file, struct arena *arena,
                             main_cf_fn *each, void *context, struct buf *error);

/* For a setting that says otherwise than one of its name before it in `file`, which said `earlier`. */
void main_cf_warn_of_override(struct str file, unsigned line, struct str name, struct str earlier);
