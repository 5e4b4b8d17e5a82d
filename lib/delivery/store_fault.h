#pragma once
/* delivery/store_fault - why a message could not be put into a mailbox, and what follows from that. */
#include "delivery/copy.h"

struct store_fault {
    enum outcome_status status;
    const char *dsn;
    bool complete; /* the text needs no words in front */
    bool patient; /* virtual(8): what may be the administrator's mistake is tried again, not bounced
                   */
    bool while_writing; /* reported as a write error of the system */
    struct buf text;
};
#define STORE_FAULT_INIT \
    ((struct store_fault){ .status = OUTCOME_DEFERRED, .dsn = "4.2.0", .text = BUF_INIT(0) })

/* Waiting does not help: the file is in the wrong place or has the wrong owner. */
bool store_fault_is_lasting(int error);
/* The outcome that follows from an error: a full mailbox and a wrong place bounce, all else is
 * tried again. */
void store_fault_status(struct store_fault *fault, int error);
/* That, with the text `what`: strerror(error). */
void store_fault_errno(struct store_fault *fault, const char *what, int error);
/* That, for a message that could not be written, or not in whole. */
void store_fault_writing(struct store_fault *fault, int error);
/* What copying gave, as a fault; true when it was fine. */
NODISCARD bool store_fault_copied(enum copy_result result, struct store_fault *fault);
/* The fault as an outcome, and its end; `words` stand before an incomplete text. */
void store_fault_outcome(struct outcome *o, struct arena *a, struct store_fault *fault,
                         struct str words);
