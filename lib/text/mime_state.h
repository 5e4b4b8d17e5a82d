#pragma once
/* The inside of text/mime, shared by its files; nobody else includes this. */
#include "text/mime.h"

/* Content-Type, as far as the structure of a message goes. */
enum mime_type {
    MIME_TYPE_LEAF,
    MIME_TYPE_MULTIPART,
    MIME_TYPE_MESSAGE, /* a message with headers inside */
    MIME_TYPE_OPAQUE,  /* message/ of a kind that cannot be looked into */
};

enum mime_encoding {
    MIME_ENCODING_7BIT,
    MIME_ENCODING_8BIT, /* or binary */
    MIME_ENCODING_QUOTED_PRINTABLE,
    MIME_ENCODING_BASE64,
};

struct mime_content_type {
    enum mime_type type;
    bool digest;         /* its parts are messages unless they say otherwise */
    struct buf boundary; /* multipart only */
};

/* Parse the value of a Content-Type header; `boundary` is cut at `limit`. */
void mime_type_parse(struct str value, bool recurse_all, size_t limit,
                     struct mime_content_type *out);
enum mime_encoding mime_encoding_parse(struct str value);

/* Quoted-printable, one line at a time. */
struct mime_qp {
    struct buf line; /* what stands on the output line */
    char held;       /* white space whose coding depends on what follows; 0: none */
};

#define MIME_QP_COLUMNS 76

typedef void mime_qp_line(void *context, struct str line);
/* Encode a piece of a line; complete output lines are passed to `out`. */
void mime_qp_encode(struct mime_qp *q, struct str piece, bool ends_line, mime_qp_line *out,
                    void *context);
