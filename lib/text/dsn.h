#pragma once
/* text/dsn - enhanced status codes (RFC 3463) and delivery status parameters (RFC 3461). */
#include "base/buf.h"
#include "base/str.h"

/* "4.2.1" inside of a longer text: length of a valid status code at the start of `s`, followed by a
 * blank or the end; 0 if there is none.  Classes 2, 4 and 5. */
size_t dsn_status_length(struct str s);
/* For tests. */
static inline bool dsn_status_is_valid(struct str s)
{
    return s.len && dsn_status_length(s) == s.len;
}

/* "4.2.1 text" -> status and text without the blanks between.  Without a status: `fallback` and all
 * of `s`. */
struct dsn_split {
    struct str status;
    struct str text;
};
struct dsn_split dsn_status_split(struct str s, struct str fallback);

/* NOTIFY: the numbers are those of queue files and of `sendmail -N`. */
enum dsn_notify {
    DSN_NOTIFY_NONE = 0, /* parameter absent */
    DSN_NOTIFY_NEVER = 1 << 0,
    DSN_NOTIFY_SUCCESS = 1 << 1,
    DSN_NOTIFY_FAILURE = 1 << 2,
    DSN_NOTIFY_DELAY = 1 << 3,
};
/* "SUCCESS,DELAY", any case; false if it is empty, has an unknown word (which `bad` names), or
 * combines NEVER. */
NODISCARD bool dsn_notify_parse(struct str text, unsigned *notify, struct str *bad);
void dsn_notify_format(unsigned notify, struct buf *out);

enum dsn_ret { DSN_RET_NONE = 0, DSN_RET_FULL = 1, DSN_RET_HDRS = 2 };
NODISCARD bool dsn_ret_parse(struct str text, enum dsn_ret *ret);
struct str dsn_ret_name(enum dsn_ret ret); /* FULL, HDRS, or empty */

/* ORCPT=type;xtext: `out` becomes "type;address" with the address decoded (what queue files keep).
 * With `utf8` the utf-8 type may hold unitext.  False for bad syntax, nothing appended. */
NODISCARD bool dsn_orcpt_parse(struct str text, bool utf8, struct buf *out);
/* The reverse, as a parameter value; `utf8`: the peer speaks SMTPUTF8. */
void dsn_orcpt_format(struct str orcpt, bool utf8, struct buf *out);
