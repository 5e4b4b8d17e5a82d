#pragma once
/* queue/bounce_log - the text logs in bounce/, defer/ and trace/: one block of lines for each
 * recipient (spec: queue file, section 9).  Pure: text in, entries out.
 *
 * Addresses are in external (quoted) form here, as they stand in the file; the null address is
 * empty. */
#include "base/buf.h"
#include "ipc/messages/bounce.h"
#include "queue/record.h"

/* For writers and readers: of one log, and of one value.  A longer text for people is cut; addresses are shorter. */
#define BOUNCE_LOG_MAX       (64UL * 1024 * 1024)
#define BOUNCE_LOG_VALUE_MAX (64UL * 1024)
_Static_assert(2 * RECORD_FACT_MAX + 2 <= BOUNCE_LOG_VALUE_MAX, "an address in quotes fits");

/* Append one block.  With `old_style` the line `<address>: reason` comes first
 * (backwards_bounce_logfile_compatibility).  Line breaks inside a value become blanks. */
void bounce_log_format(struct buf *out, const struct bounce_append *entry, bool old_style);

/* Take the next block off `text`; false at the end.  Strings point into the text, what a block
 * does not say is empty or 0, and queue_id is always empty.  Blocks without a recipient are
 * passed over. */
bool bounce_log_take(struct str *text, struct bounce_append *entry);
