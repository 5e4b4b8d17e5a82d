#pragma once
/* os/clone - a process makes others like itself, as children of its own parent.
 *
 * What a process has opened and read is had by its clones at once, and in the same memory.  What two processes must not
 * share (a connection on which one of them speaks, a state that makes random numbers) is made anew in each clone: whoever
 * has such a thing says so. */
#include <sys/types.h>

typedef void clone_renew_fn(void *context);

/* `renew` is called in each clone, in the order of these calls, until clone_no_more() with the same context. */
void clone_renews(clone_renew_fn *renew, void *context);
void clone_no_more(const void *context);
/* As fork(2), but the new process is a child of our parent, who waits for it. */
pid_t clone_sibling(void);
/* In the clone, before it does anything else with what it has got. */
void clone_renew(void);
