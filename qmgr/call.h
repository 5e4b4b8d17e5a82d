#pragma once
/* qmgr/call - requests to bounce, defer and trace: one at a time and connection, without waiting for it. */
#include "qmgr/state.h"

typedef void qmgr_call_fn(struct qmgr *q, struct message *m, bool ok);
void qmgr_open_calls(struct qmgr *q);
/* Send one frame to private/<service> (a parameter's value) and report whether it answered 0. */
void qmgr_call(struct qmgr *q, struct str service, char kind, struct str body, struct message *m,
               qmgr_call_fn *done);
