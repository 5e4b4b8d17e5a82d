#pragma once
/* master/owner - mail_owner: who owns the sockets and everything below the data directory. */
#include "base/attr.h"

/* Look the user up; fatal when it does not exist.  At start and at each reload. */
void owner_look_up(void);
/* Create files as mail_owner for a while: in a directory that belongs to that user, root's rights would
 * let it lead us elsewhere. */
void owner_become(void);
void owner_leave(void);
