#pragma once
/* pickup/drop_check - what postdrop(1) lets a user put into the maildrop queue.  Pure: one
 * record in, a verdict out.
 *
 * The submitter is any local user, so a record may only say what a user may say: sender,
 * recipients, content and delivery options.  Time and client data are not among them. */
#include "queue/record.h"

/* Completing and mapping an address makes it longer, and then it must still fit into a record. */
#define DROP_ADDRESS_MAX (RECORD_FACT_MAX / 2)

enum drop_verdict {
    DROP_KEEP, /* copy it */
    DROP_SKIP, /* leave it out */
    DROP_BAD,  /* refuse the message: `why` says it */
    DROP_END,  /* copy it; the message is complete */
};

struct drop_check {
    enum record_segment at;
    bool has_sender, has_recipient, complete;
    int sendopts; /* asked for by a C record */
    const char *why;
};

enum drop_verdict drop_check_record(struct drop_check *c, const struct record *rec);
