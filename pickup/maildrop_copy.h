#pragma once
/* pickup/maildrop_copy - which records of a maildrop file go to cleanup(8).  Pure: one record
 * in, yes or no out.
 *
 * The file comes from postdrop(1), and what postdrop checks is checked again: it runs in the hands of its
 * users.  Or there is no postdrop, and records come straight from the user.  Or it is a queue file that `postsuper -r` put there: then what an earlier pass added (filters,
 * redirections, answers to headers) must not survive. */
#include "pickup/drop_check.h"
#include "queue/record.h"

enum maildrop_verdict {
    MAILDROP_COPY,
    MAILDROP_DROP,
    MAILDROP_MESSAGE,   /* M: the envelope is complete */
    MAILDROP_EXTRACTED, /* X: copy it; the content is complete */
    MAILDROP_END,       /* E: copy it; the message is complete */
    MAILDROP_BAD,       /* `why` says it */
};

struct maildrop_copy {
    bool requeued;           /* set by the caller */
    bool direct;             /* likewise: no postdrop(1) was between the user and us */
    struct drop_check check; /* of what a user says */
    enum record_segment segment;
    bool has_sender, has_time;
    int sendopts; /* of the size record, without what cleanup(8) finds out by itself */
    const char *why;
};

enum maildrop_verdict maildrop_copy_record(struct maildrop_copy *c, const struct record *rec);

/* receive_override_options and smtputf8_autodetect_classes as bits for cleanup(8).  `requeued`:
 * the message was accepted before. */
struct maildrop_flags {
    struct str overrides, utf8_classes;
    bool smtputf8;
    bool requeued;
};
int maildrop_cleanup_flags(const struct maildrop_flags *f);
