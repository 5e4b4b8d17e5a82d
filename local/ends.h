#pragma once
/* local/ends - where a branch can end: a command, a file, a new message, another transport. */
#include "local/branch.h"

/* command.c */
bool command_branch(const struct branch *b, struct str text, const struct user *actor);
bool mailbox_command_branch(const struct branch *b, struct str text);
/* file.c: a file that was named, and the account's own mailbox. */
bool file_branch(const struct branch *b, struct str path, const struct user *actor);
bool mailbox_branch(const struct branch *b);
/* handover.c: to another transport, `transport:nexthop`. */
bool handover_branch(const struct branch *b, struct str destination);

/* resend.c: addresses elsewhere go into new messages, one for each sender. */
/* True when nothing is left to do yet: the message is sent by resend_finish(). */
bool resend_add(const struct branch *b, struct str address);
bool resend_finish(struct attempt *a);
