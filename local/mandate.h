#pragma once
/* local/mandate - on whose behalf an expansion acts: its commands, files and lists are run, written and read with
 * his rights.
 *
 * A mandate is an account, or NULL: the administrator's.  What is the administrator's is done by default_privs, and the
 * administrator alone may lend it to somebody else, by naming a list that belongs to him.  An account's mandate stays
 * its own through all the lists below, whoever owns them: who can write a list gets its readers' rights only if they
 * name it themselves, and nobody gets rights by naming what another has written. */
#include "delivery/user.h"

/* Where a destination comes from. */
enum origin { FROM_REQUEST, FROM_ALIAS, FROM_FORWARD, FROM_INCLUDE };

/* The origin in allow_mail_to_commands and allow_mail_to_files. */
const char *origin_word(enum origin origin);

/* The mandate of what an alias, a .forward or an :include: file names.  `above` is the mandate that led there;
 * `owner` the owner of the alias table or of the list, or whose .forward it is. */
const struct user *mandate_below(const struct user *above, enum origin origin,
                                 const struct user *owner);
