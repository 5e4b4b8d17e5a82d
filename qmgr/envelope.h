#pragma once
/* qmgr/envelope - what the queue manager needs to know of a queue file, whoever wrote it.
 *
 * Whatever stands in the file is data: damage is a result, never an exit.  Texts live in the
 * caller's arena. */
#include "base/arena.h"
#include "qmgr/recipient.h"
#include "queue/file.h"

#include <sys/time.h>

enum detail {
    DETAIL_SENDER,
    DETAIL_ENCODING,
    DETAIL_ENVID,
    DETAIL_CLIENT_NAME,
    DETAIL_CLIENT_ADDR,
    DETAIL_CLIENT_PORT,
    DETAIL_CLIENT_PROTO,
    DETAIL_CLIENT_HELO,
    DETAIL_LOG_NAME,
    DETAIL_LOG_ADDR,
    DETAIL_LOG_PORT,
    DETAIL_LOG_PROTO,
    DETAIL_LOG_HELO,
    DETAIL_LOG_IDENT,
    DETAIL_SASL_METHOD,
    DETAIL_SASL_USERNAME,
    DETAIL_SASL_SENDER,
    DETAIL_REWRITE,
    DETAIL_VERP,
    DETAIL_FILTER,   /* transport:nexthop */
    DETAIL_REDIRECT, /* the one recipient */
    DETAIL_COUNT,
};

struct envelope_rcpt {
    struct recipient_text text;
    int notify;
    int64_t offset;
};

/* One recipient that is not done yet; false: enough for now. */
typedef bool envelope_rcpt_fn(void *context, const struct envelope_rcpt *rcpt);

struct envelope {
    struct record_size size;
    struct timeval arrival;
    int64_t create_time;
    struct str text[DETAIL_COUNT];
    int64_t warn_time; /* 0: no notice, or it was sent */
    int64_t warn_at;   /* offset of the W record, 0: none */
    int ret_flags, trace_flags;
    bool sealed;         /* the file may be used again (queue/seal.h) */
    int64_t resume_at;   /* recipients from here on were not taken; 0: all were seen */
    const char *trouble; /* what is wrong with the file */
};

enum envelope_result { ENVELOPE_OK, ENVELOPE_CORRUPT, ENVELOPE_ERROR };

/* Read everything; recipients go to `take` (NULL: not wanted) until that has enough. */
NODISCARD enum envelope_result envelope_read(struct queue_file *f, struct arena *a,
                                             envelope_rcpt_fn *take, void *context,
                                             struct envelope *out);
/* More recipients, from e->resume_at on; sets e->resume_at anew.  Nothing else is read: e->size must be as it was. */
NODISCARD enum envelope_result envelope_read_more(struct queue_file *f, struct arena *a,
                                                  envelope_rcpt_fn *take, void *context,
                                                  struct envelope *e);
