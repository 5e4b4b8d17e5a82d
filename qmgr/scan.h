#pragma once
/* qmgr/scan - finds queue files: at start, on triggers, at intervals, by cleanup's notices. */
#include "qmgr/state.h"

void qmgr_scan_go_on(struct qmgr *q); /* room may have become free */
/* What came by door: notices of new messages, trigger bytes. */
void qmgr_take_notes(struct qmgr *q, const struct str *notes, size_t count);
void qmgr_take_trigger(struct qmgr *q, int fd);
void qmgr_start_scans(struct qmgr *q);
