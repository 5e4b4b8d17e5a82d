#pragma once
/* qmgr/settle - what follows from the events of a turn, in one place: the roof.  Events only note what has
 * changed: a mark on a message, recipients in the schedule, a wish to scan. */
#include "qmgr/state.h"

/* At the end of each turn of the loop, whatever happened in it: nothing else ends messages or starts deliveries. */
void qmgr_settle(void *context);
