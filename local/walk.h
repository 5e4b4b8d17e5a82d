#pragma once
/* local/walk - the way of a recipient: aliases, ~/.forward, mailbox (mailbox_transport, mailbox_command, home_mailbox,
 * mail_spool_directory), unknown user.
 *
 * Aliases, .forward and :include: files name further destinations, each of which walks down in its own `struct branch`:
 * these files call each other in a circle, as the language does that they read.  The recipient is marked as done only
 * if all of its branches are. */
#include "local/branch.h"

/* recipient.c */
bool branch_deliver(struct branch *b);
/* alias.c: true in *status when the name is an alias and has been dealt with. */
bool alias_deliver(const struct branch *b, bool *status);
/* forward.c: the same for ~/.forward. */
bool forward_deliver(const struct branch *b, bool *status);
/* destination.c: the value of an alias, a .forward or :include: file. */
bool destinations_deliver(const struct branch *from, struct str text);
bool destination_address(const struct branch *from, struct str address, bool only_mailbox);
/* include.c */
bool include_deliver(const struct branch *from, struct str path);
/* mailbox.c */
bool mailbox_deliver(const struct branch *b);
/* unknown.c */
bool unknown_deliver(const struct branch *b);
