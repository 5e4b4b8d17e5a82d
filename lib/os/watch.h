#pragma once
/* os/watch - has one of a few files been replaced or written to?  Also for files that the jail hides, or that the process
 * may not read any more: each is held by a descriptor that can only be looked at, and asking costs one fstat(2) a file.
 * (inotify would ask less often, but a user has only a hundred of its instances.)
 *
 * A file is watched by its name: who replaces it is noticed.  Where the name is a symbolic link, each link on the way is
 * watched too: that is how certificates are renewed.  Of a file that is not there its directory is watched. */
#include "base/str.h"

struct watch {
    struct watch_item *items;
    size_t count;
};
#define WATCH_NONE    \
    {                 \
        .items = NULL \
    } /* nothing is watched */

void watch_add(struct watch *w, struct str path);
/* The first that has changed, as it was added; absent: none has. */
struct str watch_changed(const struct watch *w);
/* The files stay as they are. */
void watch_close(struct watch *w);
