#pragma once
/* smtp/data - message content on the wire: the one place that knows about CR, LF and dots.
 *
 * Both halves give the same result however the bytes are cut into pieces, and touch each byte once
 * or twice (memchr and memcpy). */
#include "base/buf.h"
#include "base/str.h"

/* smtpd_forbid_bare_newline */
enum smtp_bare_newline {
    SMTP_BARE_NO,        /* a bare LF ends a line, and <LF>.<LF> and its relatives the message */
    SMTP_BARE_NORMALIZE, /* a bare LF ends a line; only <CRLF>.<CRLF> ends the message */
    SMTP_BARE_NOTE,      /* the same; the caller logs the first one */
    SMTP_BARE_REJECT,    /* the same; the caller refuses the message */
};
/* no, yes, normalize, note, reject */
NODISCARD bool smtp_bare_newline_parse(struct str word, enum smtp_bare_newline *out);

/* ---- wire to lines ---- */

struct smtp_decoder {
    enum smtp_bare_newline policy;
    size_t line_limit; /* longer lines come in pieces of this size */
    bool chunked;      /* BDAT: no dots, the count ends it */
    bool line_start;   /* at the start of a line */
    bool after_crlf;   /* the line before ended in CRLF */
    bool bare_lf;      /* out: a bare LF has been seen */
};

enum smtp_decode_result {
    SMTP_DECODE_MORE,  /* needs more input: nothing consumed */
    SMTP_DECODE_PIECE, /* `text` is a line or a part of a long one */
    SMTP_DECODE_END,   /* end of data */
};

struct smtp_piece {
    struct str text; /* borrowed; without stuffed dot, line end, and CRs in front of that */
    bool ends_line;
};

void smtp_decoder_init(struct smtp_decoder *d, enum smtp_bare_newline policy, size_t line_limit);
/* The same for BDAT; one decoder serves all chunks of a message. */
void smtp_decoder_init_chunked(struct smtp_decoder *d, enum smtp_bare_newline policy,
                               size_t line_limit);
/* Take one piece from the front of `in`; `consumed` is how far to advance.  The caller keeps what
 * was not consumed and calls again with more behind it; it must be able to hold line_limit + 4
 * bytes. `final` (BDAT LAST): no more will come, an unfinished line is given as a whole line. */
NODISCARD enum smtp_decode_result smtp_decode(struct smtp_decoder *d, struct str in, bool final,
                                              size_t *consumed, struct smtp_piece *piece);

/* ---- lines to wire ---- */

struct smtp_encoder {
    size_t line_limit; /* longer lines are folded with CR LF SPACE; 0: never */
    size_t column;     /* bytes on the wire line so far, the stuffed dot not counted */
    bool in_line;      /* a line is open */
    bool dots;         /* stuff dots (not for BDAT) */
    bool folded;       /* out: a line was too long */
};

void smtp_encoder_init(struct smtp_encoder *e, size_t line_limit, bool dots);
/* Append the wire form of a piece of content to `out`.  A stray LF inside of a piece ends a line,
 * so that content can never end the message early. */
void smtp_encode(struct smtp_encoder *e, struct str piece, bool ends_line, struct buf *out);
/* Close an open line, then the final dot (if `dots`). */
void smtp_encode_end(struct smtp_encoder *e, struct buf *out);
