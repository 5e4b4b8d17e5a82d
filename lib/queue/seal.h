#pragma once
/* queue/seal - what a queue file says of itself, so that after a power cut it can be told whether it still is the
 * message that its name says.
 *
 * A file that is used again (queue/spare.h) is overwritten in place, and a power cut may leave it under its old name with
 * blocks of both messages.  Its seal is an attribute with its id and a sum of all records; other mail systems pass over
 * it.  Marks of recipients and the time of the delay warning, which change, do not count.  docs/QUEUE_STATES.md has the
 * argument. */
#include "queue/file.h"

#define QUEUE_SEAL "relevo_seal" /* name of the attribute; its value is the sum, a blank, the id */

/* The sum of records in their order, begun with 0: those of a whole file, or whole records in memory. */
uint64_t queue_seal_add(uint64_t sum, const struct record *rec);
/* The attribute's value, of a length that only the id decides.  A sum of 0 is none yet. */
void queue_seal_format(uint64_t sum, const struct queue_id *id, struct buf *out);
/* Is there a sum? */
bool queue_seal_is_set(struct str value);

/* Is the file what its name says?  True without a seal, and with that of a file of another inode: then it is a copy,
 * which nobody wrote in place.  Reads the whole file; the next read is from its beginning. */
NODISCARD bool queue_seal_holds(struct queue_file *f, const struct queue_id *id, uint64_t inode);
