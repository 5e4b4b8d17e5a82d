#pragma once
/* delivery/maildir_name - file names in a Maildir, relative to it. */
#include "base/buf.h"

#include <sys/stat.h>
#include <sys/time.h>

/* "tmp/1795290872.P123.host"; a further try has microseconds and its number in front of the pid. */
void maildir_format_tmp(struct buf *out, struct timeval now, int try, int pid, struct str host);
/* "new/1795290872.V801I52ccc0M123456.host" */
void maildir_format_new(struct buf *out, struct timeval now, const struct stat *st,
                        struct str host);
