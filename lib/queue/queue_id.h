#pragma once
/* queue/queue_id - a checked queue id.  The only constructors are the parser and the generator, so text
 * from outside never becomes part of a file name unchecked. */
#include "base/buf.h"

#include <stdint.h>
#include <sys/time.h>

struct queue_id {
    char text[256]; /* NUL-terminated; letters, digits, '_' */
};

/* 1-255 ASCII letters, digits and '_'. */
NODISCARD bool queue_id_parse(struct str text, struct queue_id *out);
/* Short (%05X of microseconds, inode in hex) or long (enable_long_queue_ids) form. */
void queue_id_make(struct timeval when, uint64_t inode, bool long_form, struct queue_id *out);
bool queue_id_is_long(const struct queue_id *id);
/* The inode that the name claims; false if the name has no such part. */
NODISCARD bool queue_id_inode(const struct queue_id *id, uint64_t *inode);
/* What the names of hash directories are taken from: the id itself, or for a long id its microseconds in hex. */
void queue_id_hash_key(const struct queue_id *id, struct queue_id *key);
static inline struct str queue_id_str(const struct queue_id *id) { return str_from(id->text); }
