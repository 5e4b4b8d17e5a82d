#pragma once
/* text/address - mail addresses as text.
 *
 * Two forms of one address: the external form is what stands in commands and headers, with a quoted
 * local part where RFC 5321/5322 want quotes (`"odd name"@example`); the internal form is the same
 * without quotes and backslashes (`odd name@example`), as queue files, tables and logs have it.  In
 * the internal form the last `@` separates local part and domain. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

/* ---- one address ---- */

/* Internal form of one external address without angle brackets; appended to `internal`.  Comments
 * and white space around words are dropped, quoting is undone, a source route stays (`@a,@b:u@c`).
 * The empty address is fine and gives nothing, and so is an empty local part (`@b`, `""@b`); the end of the
 * text closes an address literal.  False, with nothing appended, for what is not exactly one address:
 * unbalanced quotes, an empty domain (`a@`), two words, a NUL, CR or LF. */
NODISCARD bool address_unquote(struct str external, struct buf *internal);
/* The same, and false if there is a comment, a name, angle brackets or white space besides the
 * address (strict_rfc821_envelopes). */
NODISCARD bool address_unquote_strict(struct str external, struct buf *internal);

/* External form; the local part is quoted if it must be (RFC 5321 dot-string otherwise).  The
 * domain is copied as it is. */
void address_quote(struct str internal, struct buf *external);
/* True if address_quote would change it. */
bool address_needs_quote(struct str internal);

struct address_parts {
    struct str local;
    struct str domain; /* absent without an @ */
};
/* Of an internal address: split at the last @. */
struct address_parts address_split(struct str internal);

/* Splitting `user+extension`. */
struct address_extension_rule {
    struct str delimiters;      /* recipient_delimiter: each byte is one */
    bool owner_request_special; /* with `-`: leave owner-list and list-request whole */
    struct str double_bounce;   /* double_bounce_sender is never split; may be absent */
};
/* At the first delimiter that is not the first byte.  False, outputs untouched, if there is none or
 * the local part is a reserved one (postmaster, mailer-daemon, double bounce). `delimiter` may be
 * NULL. */
NODISCARD bool address_split_extension(const struct address_extension_rule *rule, struct str local,
                                       struct str *base, char *delimiter, struct str *extension);

/* Length of the comment at the start of `s`, nested ones included; 0 if it has no end. */
size_t address_comment_length(struct str s);

/* ---- address lists: headers, aliases, .forward ---- */

enum address_item_kind {
    ADDRESS_MAILBOX,     /* an address, with or without a name */
    ADDRESS_GROUP_START, /* `before` is the group's name, written with a colon */
    ADDRESS_GROUP_END,   /* the semicolon */
};

/* One entry of a list.  A rewriter replaces `address` (and sets `changed`, which the formatter does
 * not read); names and comments stay as they were written. */
struct address_item {
    enum address_item_kind kind;
    struct str before;  /* display name and comments in front, as written, blanks normalised */
    struct str address; /* internal form; empty for <> */
    struct str after;   /* comments behind */
    bool angle;         /* written between < and > */
    bool quoted;        /* nothing but quoted text */
    bool changed;
};

struct address_list {
    struct address_item *items; /* in the arena */
    size_t count;
    bool truncated; /* more than `token_limit` words: the rest was dropped */
};

/* Parse the value of an address header (or a logical line of an alias list).  Never fails: text
 * that is no address becomes part of a name or an address with odd bytes, as mail software has
 * always done; a missing comma between two addresses is supplied.  An item beginning with
 * `:include:` runs to the next comma. Work is bounded by `token_limit` words
 * (header_address_token_limit). */
void address_list_parse(struct arena *a, struct str text, size_t token_limit,
                        struct address_list *out);

/* The list as header text: `name <addr>, addr (comment)`.  Items are separated by `, `; with `fold`
 * by `,` LF TAB wherever a line would pass `fold` bytes (`used`: bytes of `To: `).  An item of kind
 * ADDRESS_MAILBOX with neither address nor angle is a comment alone. */
#define ADDRESS_LIST_FOLD 69 /* what mail systems have always had */
void address_list_format(const struct address_list *list, size_t used, size_t fold,
                         struct buf *out);

/* Text as a phrase in front of an address: quoted if it has special bytes.  For composed From
 * headers. */
void address_quote_phrase(struct str name, struct buf *out);
