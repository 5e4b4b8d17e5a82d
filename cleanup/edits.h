#pragma once
/* cleanup/edits - the changes that a filter may ask for, one function each. */
#include "cleanup/message.h"
#include "client/milter.h"

struct edits {
    struct message *m;
    struct milter_client *by;
    size_t bytes;                  /* of all that it has asked for, but for a new body */
    bool body_begun;               /* a new one */
    bool pending_cr;               /* at the end of the piece before */
    bool in_line;                  /* the new body does not end with a line end */
    struct milter_verdict verdict; /* when one of the changes cannot be made */
};

/* A milter_edit_fn, whose context is a struct edits. */
bool edits_make(void *context, const struct milter_reply *change);
/* There will be no more of them. */
void edits_finish(struct edits *e);
