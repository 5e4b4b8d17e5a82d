#pragma once
/* cleanup/output - the one place that writes content to the queue file, and counts it.  Beyond message_size_limit the
 * message fails and the rest is not stored. */
#include "cleanup/message.h"

/* A piece of a line, or the end of one. */
void output_text(struct message *m, struct str piece, bool ends_line);
/* A header of one or more lines joined by LF. */
void output_lines(struct message *m, struct str lines);
/* As output_text(), behind the header. */
void output_body(struct message *m, struct str piece, bool ends_line);
/* Text records as they came, with so many bytes of text in them, line ends included. */
void output_records(struct message *m, struct str records, int64_t text_bytes);
/* Filters have seen what was held back: write it, and what comes behind it. */
void output_release(struct message *m);
/* UTF-8 in a header, for SMTPUTF8. */
void output_note_utf8(struct message *m, struct str text);
