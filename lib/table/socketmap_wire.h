#pragma once
/* table/socketmap_wire - the protocol of socketmap tables: a netstring `NAME KEY`, and one that begins with the outcome.
 * Pure. */
#include "base/buf.h"

enum socketmap_reply {
    SOCKETMAP_OK,
    SOCKETMAP_NOT_FOUND,
    SOCKETMAP_TEMPORARY,
    SOCKETMAP_TIMEOUT,
    SOCKETMAP_PERMANENT,
    SOCKETMAP_UNKNOWN, /* a word that is none of these */
};

void socketmap_wire_put_request(struct buf *out, struct str map, struct str key);
/* The content of the answer's netstring.  `rest` is the value, or the server's reason. */
enum socketmap_reply socketmap_wire_read_reply(struct str content, struct str *rest);
