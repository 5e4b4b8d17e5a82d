#pragma once
/* delivery/rights - whose rights an agent uses while it touches files. */
#include "base/attr.h"

#include <sys/types.h>

/* Act as somebody until rights_leave(). Nothing happens when that is who we are. */
void rights_enter(uid_t uid, gid_t gid);
void rights_leave(void);
