#pragma once
/* client/transcript - who said what in a session: kept for a notice to the postmaster, and
 * logged when the log is verbose (-v, debug_peer_list).  Bounded: what passes the ceiling is
 * left out, and the notice says so. */
#include "base/buf.h"

struct transcript {
    struct buf text; /* lines as the notice shows them, LF behind each */
    unsigned lines;
};

/* Must come first. */
void transcript_init(struct transcript *t);
void transcript_fini(struct transcript *t);
/* A line that the other side said; `peer` names it in the log.  `t` is NULL when nothing is to
 * be kept. */
void transcript_in(struct transcript *t, struct str peer, struct str line);
/* A line of ours. */
void transcript_out(struct transcript *t, struct str peer, struct str line);
/* Forget what was said when it is more than `threshold` lines. */
void transcript_trim(struct transcript *t, unsigned threshold);
