#pragma once
/* pickup/drop_check - what postdrop(1) lets a user put into the maildrop queue.  Pure: one
 * record in, a verdict out.
 *
 * The submitter is any local user, so a record may only say what a user may say: sender,
 * recipients, content and delivery options.  Time and client data are not among them. */
#include "queue/record.h"

#define DROP_RECORD_MAX \
    (128UL * 1024) /* payload; sendmail(1) sends lines of line_length_limit at most */
#define DROP_ADDRESS_MAX 8192

enum drop_verdict {
    DROP_KEEP, /* copy it */
    DROP_SKIP, /* leave it out */
    DROP_BAD,  /* refuse the message: `why` says it */
    DROP_END,  /* copy it; the message is complete */
};

struct drop_check {
    enum { DROP_IN_ENVELOPE, DROP_IN_CONTENT, DROP_IN_EXTRACTED, DROP_AT_END } at;
    bool has_sender, has_recipient;
    int sendopts; /* asked for by a C record */
    const char *why;
};

enum drop_verdict drop_check_record(struct drop_check *c, const struct record *rec);
