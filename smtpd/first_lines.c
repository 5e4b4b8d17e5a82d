#include "smtpd/first_lines.h"

#include "queue/record.h"
#include "text/header.h"

void first_lines_look(struct first_lines *f, struct str piece, bool ends_line, struct buf *out)
{
    bool new_line = !f->in_line;

    f->in_line = !ends_line;
    if (f->over || !new_line)
        return;
    if (header_is_mailbox_line(piece)) {
        record_put(out, REC_TEXT_PART, STR("X-Mailbox-Line: "));
        return;
    }
    f->over = true;
    if (header_is_continuation(piece))
        record_put(out, REC_TEXT, STR_NONE);
}
