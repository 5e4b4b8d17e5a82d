#pragma once
/* qmgr/transport - what main.cf and master.cf say about a transport. */
#include "qmgr/state.h"

/* How many agents of each kind may run. */
void qmgr_read_master(struct qmgr *q);
/* The transport, with its parameters, created at first use. */
struct schedule_transport *qmgr_transport(struct qmgr *q, struct str name);
