#pragma once
/* cleanup/held - the content of a message while filters may still change it: its headers as a list, its body as records of the
 * queue file, which go to a file without a name when they are many.  Besides, whatever comes behind the content. */
#include "base/arena.h"
#include "base/buf.h"
#include "queue/record.h"

#define HELD_HEADERS_MAX (4UL * 1024 * 1024) /* bytes of all headers together */
#define HELD_MEMORY      (256UL * 1024)      /* of a body */

struct held_header {
    struct str text; /* lines joined by LF */
    bool is_own;     /* our Received: no filter's business */
};

/* Records of a body, written once and read any number of times. */
struct held_body {
    struct buf memory; /* what is not in the file */
    int file;          /* -1: none is needed */
    int64_t on_file;
    int64_t bytes; /* of text, with line ends */
};

struct held {
    struct arena *arena; /* of the message */
    struct held_header *headers;
    size_t count, room, bytes;
    struct buf line; /* of the header that is not complete */
    bool in_line;
    bool separated; /* the empty line between header and body has come */
    struct held_body body;
    struct buf tail; /* records behind the content */
    int error;       /* errno of the first failure, sticky; EMSGSIZE: too many headers */
};

struct held *held_new(struct arena *a);
void held_free(struct held *h); /* NULL is fine */

/* ---- as it comes in */

/* A piece of a header line, or the end of one. */
void held_header_text(struct held *h, struct str piece, bool ends_line);
/* The head is complete: finds the header that is ours. */
void held_end_headers(struct held *h);
/* Where records of the body are added; call held_body_spill() now and then. */
struct buf *held_body_out(struct held *h, int64_t bytes_of_text);
void held_body_spill(struct held *h);

/* ---- changes; indexes are those of the list.  False: too many */

NODISCARD bool held_insert(struct held *h, size_t at, struct str header);
NODISCARD bool held_replace(struct held *h, size_t at, struct str header);
void held_remove(struct held *h, size_t at);
/* The `n`th (from 1) of that name, any case, without ours; `count` when there is none. */
size_t held_find(const struct held *h, struct str name, uint32_t n);
/* The body begins anew. */
void held_drop_body(struct held *h);

/* ---- reading the body */

struct held_reader {
    const struct held *held;
    struct buf window; /* of the file */
    size_t used;
    int64_t at;
    struct str memory;
};
void held_reader_init(struct held_reader *r, const struct held *h);
void held_reader_fini(struct held_reader *r);
/* The next record, valid until the next call.  False: there is none, or the file cannot be read. */
NODISCARD bool held_read(struct held_reader *r, struct record *rec);
