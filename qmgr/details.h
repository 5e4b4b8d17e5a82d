#pragma once
/* qmgr/details - what an active message has in its file. */
#include "qmgr/state.h"

/* -1: errno. */
NODISCARD int qmgr_open_active(const struct qmgr *q, const struct message *m);
/* The file of a message that was just activated, open, for its first delivery; closed at the end of the turn if there is none. */
void qmgr_keep_fresh(struct qmgr *q, const struct message *m, int fd);
NODISCARD int qmgr_take_fresh(struct qmgr *q, const struct message *m); /* -1: not this one */
void qmgr_drop_fresh(struct qmgr *q);
/* The file could not be read: a damaged one is set aside when the message ends, another is tried again. */
void qmgr_note_trouble(struct message *m, enum envelope_result result, const char *trouble);
/* The texts of a message, read again when they were dropped; NULL: the file cannot be read. */
const struct details *qmgr_message_details(struct qmgr *q, struct message *m);
