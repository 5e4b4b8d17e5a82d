#pragma once
/* os/orphan - a signal for this process when its parent dies.
 *
 * The kernel forgets the wish whenever the process changes its credentials, so privilege.c renews it. */

/* From now on; children that are forked later have no part in it. */
void orphan_watch(int signal_number);
/* After a change of credentials; the signal comes at once if the parent died meanwhile.  Does nothing in a process that
 * does not watch. */
void orphan_watch_again(void);
