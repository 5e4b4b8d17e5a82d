#pragma once
/* table/tcp_wire - the protocol of tcp tables: `get KEY`, and one line that begins with a status.  Pure. */
#include "base/buf.h"

#define TCP_WIRE_REPLY_MAX 4096 /* bytes of a line, without its end */

enum tcp_reply {
    TCP_REPLY_FOUND,
    TCP_REPLY_NOT_FOUND,
    TCP_REPLY_RETRY, /* the server is in trouble */
    TCP_REPLY_BAD_STATUS,
    TCP_REPLY_MALFORMED,
};

/* The request with its line end. */
void tcp_wire_put_request(struct buf *out, struct str key);
/* A line without its end.  `value` is replaced by a value that was found. */
enum tcp_reply tcp_wire_read_reply(struct str line, struct buf *value);
