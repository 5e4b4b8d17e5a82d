#pragma once
/* postcat/dump - the records of a queue file as people read them.  Pure but for the time zone. */
#include "base/buf.h"
#include "queue/file.h"

struct dump_options {
    bool envelope, header, body; /* what to show; all three by default */
    bool offsets;                /* -o */
    bool types;                  /* -d */
    bool verbose;                /* -v: record names in the content, pointers and padding */
    bool raw;                    /* -r: in the order of the file */
    bool file_names;             /* -f: in front of each line */
};

/* `name` is how the file is called in banners.  Text is appended to `out`, which the caller may
 * write and clear whenever `flush` is called.  False: the file is damaged; `why` (never NULL)
 * says how. */
NODISCARD bool dump_file(struct queue_file *f, const char *name, const struct dump_options *o,
                         struct buf *out, void (*flush)(struct buf *out), struct buf *why);
