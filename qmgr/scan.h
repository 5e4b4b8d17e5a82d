#pragma once
/* qmgr/scan - finds queue files: at start, on triggers, at intervals, by cleanup's datagrams. */
#include "qmgr/state.h"

void qmgr_scan_go_on(struct qmgr *q); /* room may have become free */
void qmgr_open_notify(struct qmgr *q);
void qmgr_take_trigger(struct qmgr *q, int fd);
void qmgr_start_scans(struct qmgr *q);
