#pragma once
/* verify/entry - what is known of one address, and what follows from it.  Pure: the time is an argument. */
#include "base/buf.h"
#include "client/verify.h"

#define VERIFY_PROBE_PATIENCE_S 1000 /* a probe that is older has got lost */

/* As it stands in address_verify_map: STATUS:PROBED:UPDATED:TEXT. */
struct verify_entry {
    enum verify_status status; /* VERIFY_TODO: nothing is known yet */
    int64_t probed;            /* when the probe under way was sent; 0: there is none */
    int64_t updated;           /* when the status became known; 0: never */
    struct str text;           /* borrowed */
};

NODISCARD bool verify_entry_parse(struct str value, struct verify_entry *e);
void verify_entry_format(const struct verify_entry *e, struct buf *out);

/* Seconds, by what is known. */
struct verify_times {
    int expire, refresh;
};
struct verify_policy {
    struct verify_times positive, negative;
    bool keeps_failures; /* address_verify_negative_cache */
};

/* Is it an answer?  Otherwise it is as good as none. */
bool verify_entry_is_usable(const struct verify_entry *e, const struct verify_policy *p,
                            int64_t now);
/* Is it time to look again? */
bool verify_entry_wants_probe(const struct verify_entry *e, const struct verify_policy *p,
                              int64_t now);
/* What is known after a probe; `old` NULL: nothing was. */
struct verify_entry verify_entry_after(const struct verify_entry *old, enum verify_status found,
                                       struct str text, int64_t now);
