#pragma once
/* postscreen/setup - what main.cf says, read once, before the jail. */
#include "postscreen/facts.h"

struct screen *setup_open(struct service *svc);
