#pragma once
/* cleanup/receive - records in, a verdict out: the roof over the parts that each know one kind of record. */
#include "cleanup/message.h"

/* Whole records. */
void message_records(struct message *m, struct str in);
/* All records have come: make it durable, or bounce, or remove it. */
struct cleanup_verdict message_finish(struct message *m);
/* The end of a message, however it came: removes an unfinished file, frees everything. */
void message_end(struct message *m);
