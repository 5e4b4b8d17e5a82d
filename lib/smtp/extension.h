#pragma once
/* smtp/extension - the words of an EHLO reply (extensions.def). */
#include "base/buf.h"

enum smtp_extension {
#define SMTP_EXTENSION(name, ...) SMTP_EXTENSION_##name,
#include "smtp/extensions.def"
#undef SMTP_EXTENSION
    SMTP_EXTENSION_COUNT,
};

/* "8BITMIME": the word in the reply. */
struct str smtp_extension_name(enum smtp_extension e);
/* Any case; SMTP_EXTENSION_COUNT: unknown. */
enum smtp_extension smtp_extension_find(struct str name);
/* The bits 1 << enum smtp_extension of what smtpd_discard_ehlo_keywords or one of its kin names; other words are not
 * looked at.  `named` gets " WORD" for each of them to log, or nothing if "silent-discard" stands among them. */
unsigned smtp_extensions_discarded(struct str words, struct buf *named);
