#pragma once
/* postqueue/report - a queue listing as people read it (-p) and as programs read it (-j).  Pure
 * but for the time zone. */
#include "queue/listing.h"

struct report {
    bool json;
    bool long_ids;  /* columns of -p have room for long queue ids */
    struct buf out; /* text made so far; the caller writes and clears it */
    struct buf last_reason;
    bool has_reason; /* of the recipient before, in this message */
    int64_t messages, bytes;
    int recipients; /* of this message */
};

void report_init(struct report *r, bool json, bool long_ids);
void report_free(struct report *r);
struct listing_sink report_sink(struct report *r);
/* After the last message: the sum. */
void report_finish(struct report *r);
