#pragma once
/* text/mime - follow the MIME structure of a message, line by line.
 *
 * Lines go in with mime_line(); headers and body pieces come out through the sink's functions in
 * the order of the message, so that a filter can copy, change or drop each.  With MIME_DOWNGRADE
 * 8-bit body parts leave as quoted-printable and their Content-Transfer-Encoding header is
 * replaced.
 *
 * Memory is bounded by the limits: a logical header, and a boundary for each level of nesting. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "text/header.h"

enum mime_part {
    MIME_PRIMARY,   /* the message's own header */
    MIME_MULTIPART, /* header of a part of a multipart/ */
    MIME_NESTED,    /* header of an enclosed message/rfc822 */
};

enum mime_flag {
    MIME_DISABLE = 1 << 0,                /* disable_mime_input_processing: one header, one body */
    MIME_REPORT_8BIT_HEADER = 1 << 1,     /* strict_7bit_headers */
    MIME_REPORT_8BIT_BODY = 1 << 2,       /* strict_8bitmime_body: 8-bit text declared as 7bit */
    MIME_REPORT_ENCODING_DOMAIN = 1 << 3, /* strict_mime_encoding_domain */
    MIME_REPORT_NESTING = 1 << 4,
    MIME_REPORT_LONG_HEADER = 1 << 5,
    MIME_REPORT_BAD_HEADER_END = 1 << 6, /* primary header ended by text instead of an empty line */
    MIME_DOWNGRADE = 1 << 7,             /* 8-bit to quoted-printable */
    /* Look into message/partial and message/external-body too (they are opaque otherwise). */
    MIME_RECURSE_ALL = 1 << 8,
};

/* Also bits, collected in `errors`. */
enum mime_error {
    MIME_ERROR_NESTING = 1 << 0,
    MIME_ERROR_LONG_HEADER = 1 << 1,
    MIME_ERROR_8BIT_HEADER = 1 << 2,
    MIME_ERROR_8BIT_BODY = 1 << 3,
    MIME_ERROR_ENCODING_DOMAIN = 1 << 4,
    MIME_ERROR_HEADER_END = 1 << 5,
};

struct mime_options {
    unsigned flags;         /* enum mime_flag */
    size_t header_limit;    /* header_size_limit: the rest of a longer logical header is dropped */
    size_t boundary_limit;  /* mime_boundary_length_limit */
    unsigned nesting_limit; /* mime_nesting_limit */
};

/* Called with the context given to mime_init.  Any member may be NULL. */
struct mime_sink {
    /* One logical header without its last line break; folded lines are joined by LF.  `info` is
     * NULL for names nobody knows. */
    void (*header)(void *context, enum mime_part part, const struct header_info *info,
                   struct str header);
    /* The primary header is over; called once, before the empty line or the first body text is
     * passed on. Headers that must be appended to the message are written here. */
    void (*head_end)(void *context);
    /* A piece of body, the empty lines that end headers, and boundary lines; `ends_line` tells a
     * piece that is followed by a line break. */
    void (*body)(void *context, struct str piece, bool ends_line);
    /* The message is over. */
    void (*end)(void *context);
    /* The first occurrence of each error that the flags ask for; `text` is the offending line or
     * header. */
    void (*error)(void *context, enum mime_error error, struct str text);
};

/* mime_header_checks is asked about MIME headers wherever they are. */
enum mime_part mime_part_for_checks(enum mime_part part, const struct header_info *info);

struct mime;
struct mime *mime_new(const struct mime_options *options, const struct mime_sink *sink,
                      void *context);
void mime_free(struct mime *m);

/* Next piece of the message: a line without its end, or a part of an overlong one (ends_line false,
 * the rest follows).  What kind of line it is shows in its first piece. */
void mime_line(struct mime *m, struct str piece, bool ends_line);
/* End of input: pending headers come out, then head_end if it has not been called, then end. */
void mime_finish(struct mime *m);
/* For tests.  Errors so far (enum mime_error bits), only those that the flags ask for. */
unsigned mime_errors(const struct mime *m);
/* Is a body part declared as 8bit or binary (also false after conversion)? */
bool mime_declares_8bit(const struct mime *m);

/* Text of one error, as logged and replied: "MIME nesting exceeds safety limit".  Enhanced
 * status 5.6.0. */
struct str mime_error_text(enum mime_error error);
