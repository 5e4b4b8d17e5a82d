#pragma once
/* milter/reply - the SMTP reply that a filter wants its client to get. */
#include "base/buf.h"

/* "550-5.7.1 one\r\n550 5.7.1 two": a code of refusal, the same on all lines, and an enhanced status, if there is one, of
 * its class.  `%%` stands for a per cent sign; another one is left out.  `text` gets the lines without their codes,
 * separated by LF.  False: it is no such reply. */
NODISCARD bool milter_reply_parse(struct str given, int *code, struct buf *text);
