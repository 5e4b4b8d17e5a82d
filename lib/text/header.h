#pragma once
/* text/header - header lines and what the mail system knows about them. */
#include "base/buf.h"
#include "base/str.h"

enum header_id {
    HEADER_OTHER,
#define HEADER(id, name, flags) HEADER_##id,
#include "text/header.def"
#undef HEADER
    HEADER_COUNT,
};

enum header_flag {
    HEADER_IS_SENDER = 1 << 0,    /* addresses of originators: rewritten as sender */
    HEADER_IS_RECIPIENT = 1 << 1, /* addresses of recipients: rewritten as recipient */
    HEADER_IS_EXTRACT = 1 << 2,   /* sendmail -t takes recipients from it */
    HEADER_IS_RESENT = 1 << 3,    /* belongs to a resent- group */
    HEADER_IS_MIME = 1 << 4,      /* Content-*, MIME-Version */
    HEADER_IS_DROP = 1 << 5,      /* in the default message_drop_headers */
    HEADER_IS_ADDRESS = HEADER_IS_SENDER | HEADER_IS_RECIPIENT,
};

struct header_info {
    enum header_id id;
    struct str name; /* canonical spelling */
    unsigned flags;  /* enum header_flag */
};

/* Replace by `?` what is not printable, blanks, and what the syntax of headers and log lines is
 * made of: for names that strangers give. */
void header_make_harmless(char *text, size_t len);

/* What is known about a header of this name (any case); NULL if nothing. */
const struct header_info *header_find(struct str name);
const struct header_info *header_by_id(enum header_id id);

/* Length of the name if `line` starts a header (`name:`, RFC 5322 bytes, blanks before the colon
 * are tolerated); 0 if it is no header line. */
size_t header_name_length(struct str line);
static inline bool header_is_line(struct str line) { return header_name_length(line) > 0; }
/* Does the line continue the header before it? */
static inline bool header_is_continuation(struct str line)
{
    return line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
}

/* Is it what mailbox files have in front of a message: `From `, perhaps quoted with `>`? */
bool header_is_mailbox_line(struct str line);

/* Split a (possibly folded) header into name and value; the value starts after the colon and the
 * blanks behind it and keeps its line breaks.  False if it is no header. */
NODISCARD bool header_split(struct str header, struct str *name, struct str *value);
/* Remove line breaks (LF or CRLF); the blanks behind them stay.  Appends. */
void header_unfold(struct str header, struct buf *out);
