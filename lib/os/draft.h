#pragma once
/* os/draft - a new file that is written beside another and then takes its place.
 *
 * The directory may belong to somebody else, who can rename whatever is in it at any time.  So it is opened
 * once, and the file is made, filled, given away and published by descriptor: a link that somebody puts in
 * its place is neither followed nor published. */
#include "base/buf.h"

#include <sys/types.h>

struct draft {
    int dir, fd;                /* fd: open for reading and writing; -1 when there is none */
    struct buf name, temporary; /* both relative to `dir` */
};

struct draft_owner {
    bool set; /* false: whoever runs this */
    uid_t uid;
    gid_t gid;
    mode_t mode;
};

/* Until it is published only its maker can read it.  0 or an errno value; draft_close() either way. */
NODISCARD int draft_open(struct draft *d, const char *path);
/* 0 or an errno value; ESTALE: the name does not lead to this file any more. */
NODISCARD int draft_publish(struct draft *d, const struct draft_owner *owner);
void draft_close(struct draft *d); /* removes what was not published */
