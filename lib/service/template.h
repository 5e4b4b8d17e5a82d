#pragma once
/* service/template - one process of a busy service reads main.cf, tables and certificates; the others are its clones.
 *
 * A clone starts in a fraction of the time, and what it does not change it has in common with its siblings.  master(8)
 * hands one end of a pair of sequenced-packet sockets (SERVICE_FD_TEMPLATE) to a process that it starts beside others.
 * A program that cannot be a template closes it and is a process like any other.  One that can (service_spec.before_fork)
 * stays as it is before its jail, speaks to nobody but master, and makes a process for its own slot and one for each
 * slot that master names.  Each clone is a child of master and says who it is before anything else.
 *
 * A template leaves when it has served its time, when a file that it has read is another now, and when master closes its
 * end.  What it had been asked for and not done is master's to start anew. */
#include <stdint.h>

/* To the template: `pid` is 0.  From a clone: its own. */
struct template_message {
    int32_t slot, pid;
};
