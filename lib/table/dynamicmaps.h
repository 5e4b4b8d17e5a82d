#pragma once
/* table/dynamicmaps - which table types come as plug-ins: $meta_directory/dynamicmaps.cf and the files of dynamicmaps.cf.d.
 *
 * A line is `type  so-name  dict-function  [mkmap-function]`; what the functions are called is of no use here, but who has the
 * fourth field can be built by postmap(1).  A line of another form ends the process. */
#include "base/str.h"

struct dynamicmap {
    struct str type;
    const char *path; /* of the shared object */
    bool can_be_built;
};

/* NULL: no file names it.  The files are read at the first call, and lines live as long as the process. */
const struct dynamicmap *dynamicmaps_find(struct str type);
/* The `i`th of them; NULL: there are no more. */
const struct dynamicmap *dynamicmaps_at(size_t i);
/* Can nobody but root and this user change the open file?  Otherwise others could have it say what they like. */
bool dynamicmaps_is_trusted(int fd);
