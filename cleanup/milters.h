#pragma once
/* cleanup/milters - filters see a message that is complete, and change it.
 *
 * smtpd hands over the conversations that it has begun; mail of this host has one of its own, which begins with what a client
 * would have said.  Each filter in turn sees the content as those before it have left it.  Whatever they do is done to what is
 * held back (cleanup/held.h); only then is the content written. */
#include "cleanup/message.h"

/* Before the jail. */
void milters_setup(struct cleanup *c);
/* The message begins: has it filters of this host? */
void milters_begin(struct message *m);
/* smtpd has one more.  False: that cannot be understood. */
NODISCARD bool milters_take(struct message *m, struct str body, int fd);
/* The envelope is complete: hold the content back if a filter is to see it. */
void milters_hold(struct message *m);
/* The message is complete: show it, and make the changes. */
void milters_run(struct message *m);
void milters_end(struct message *m);
