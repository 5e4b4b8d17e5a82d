#pragma once
/* smtpd/transcript - who said what, kept for a notice to the postmaster.  Bounded: what passes the ceiling is left
 * out, and the notice says so. */
#include "base/buf.h"
#include "smtp/reply.h"

struct transcript {
    struct buf text; /* lines as the notice shows them, LF behind each */
    unsigned lines;
};

/* Must come first. */
void transcript_init(struct transcript *t);
void transcript_fini(struct transcript *t);
void transcript_client(struct transcript *t, struct str line);
void transcript_server(struct transcript *t, struct smtp_reply reply);
/* Forget what was said when it is more than `threshold` lines. */
void transcript_trim(struct transcript *t, unsigned threshold);
