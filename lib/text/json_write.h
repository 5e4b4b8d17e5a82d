#pragma once
/* text/json_write - members of an object, as JSON has them. */
#include "base/buf.h"

/* In double quotes.  Bytes that are no UTF-8 are shown as the characters with their numbers: a reader must not
 * stumble. */
void json_add_string(struct buf *out, struct str text);
/* "name": "value" */
void json_add_member(struct buf *out, const char *name, struct str value);
