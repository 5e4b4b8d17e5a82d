#pragma once
/* ipc/attr - the "attr0" encoding of public sockets: name NUL value NUL ..., a list ends with one NUL. */
#include "base/buf.h"

#include <stdint.h>

void attr_put_str(struct buf *out, const char *name, struct str value);
void attr_put_int(struct buf *out, const char *name, int64_t value);
void attr_put_end(struct buf *out);
/* Take the next pair; false at the end of the list (which is consumed) or when bytes are missing
 * (`*incomplete`, nothing consumed). */
bool attr_take(struct str *in, struct str *name, struct str *value, bool *incomplete);
/* Length of the first complete list in `in`, end included; 0 when it is not complete yet. */
size_t attr_list_length(struct str in);
