#pragma once
/* smtp-client/tour - over destinations and their servers until every recipient has an answer or nobody is left to ask. */
#include "smtp-client/attempt.h"

/* The nexthop's destinations in turn, then the fallback relay's. */
void tour_servers(struct attempt *at);
