#pragma once
/* smtpd/first_lines - what a message begins with may be no header: mailbox files put `From ` lines
 * there, and a line that begins with a blank would continue the Received header we wrote. */
#include "base/buf.h"

struct first_lines {
    bool over;    /* the header, or what came instead of it, has begun */
    bool in_line; /* the piece before had no line end */
};

/* Looks at the next piece of the message and writes the record that is to stand in front of it, if
 * any: the name of a header, or the empty line. */
void first_lines_look(struct first_lines *f, struct str piece, bool ends_line, struct buf *out);
