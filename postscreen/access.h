#pragma once
/* postscreen/access - the site's own list of who may come and who may not (postscreen_access_list). */
#include "base/str.h"

struct access_list;

enum access_verdict { ACCESS_UNDECIDED, ACCESS_PERMIT, ACCESS_REJECT };

/* Before the jail. */
struct access_list *access_open(void);
/* The first word that decides; trouble on the way there is logged and ends the list. */
enum access_verdict access_judge(struct access_list *l, struct str address);
