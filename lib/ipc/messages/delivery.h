#pragma once
/* qmgr(8) to a delivery agent over private/<transport>.
 *
 *   qmgr 'D'  delivery_request followed by delivery_recipient messages, one frame
 *   agent 'S' delivery_reply   after every recipient was logged, marked, and bounced or deferred
 *
 * An agent whose reply says keep=1 goes on reading: qmgr may send the next request on the same connection.
 * With session=1 it still holds a session to `nexthop` and prefers mail for it; a request for another
 * destination makes it close that session first.  Either side ends the relation by closing. */
#include "ipc/schema.h"

/* Longest texts, in bytes, for who writes them and for who reads them: what is longer never gets into a frame. */
#define DELIVERY_NEXTHOP_MAX (16UL * 1024)
#define DELIVERY_REASON_MAX  (8UL * 1024)
#define DELIVERY_REPLY_MAX   (DELIVERY_REASON_MAX + 1024) /* with all else that is in it */

#define DELIVERY_REQUEST_FRAME 'D'
#define DELIVERY_REPLY_FRAME   'S'

enum delivery_flag {
    DELIVERY_FLAG_SUCCESS = 1 << 0,      /* mark done recipients in the queue file */
    DELIVERY_FLAG_BOUNCE_NO = 1 << 1,    /* unused on the wire today */
    DELIVERY_FLAG_PROBE_MTA = 1 << 8,    /* 0x100 address verification */
    DELIVERY_FLAG_PROBE_USER = 1 << 9,   /* 0x200 sendmail -bv */
    DELIVERY_FLAG_RECORD = 1 << 10,      /* 0x400 sendmail -v: record and deliver */
    DELIVERY_FLAG_RECORD_SENT = 1 << 11, /* the sender was told of a delay: record success */
    DELIVERY_FLAG_CONN_LOAD =
        1 << 12, /* there is more mail for this destination: keep the session */
};

#define DELIVERY_REQUEST(FIELD)                                                  \
    FIELD(INT, flags, "flags")                                                   \
    FIELD(STR, queue_name, "queue_name")                                         \
    FIELD(STR, queue_id, "queue_id")                                             \
    FIELD(LONG, data_offset, "offset") /* first record after M */                \
    FIELD(LONG, data_size, "size")     /* content length, field 5 of C */        \
    FIELD(STR, nexthop, "nexthop")                                               \
    FIELD(STR, encoding, "encoding")                                             \
    FIELD(INT, sendopts, "sendopts") /* field 6 of C: SMTPUTF8 bits */           \
    FIELD(STR, sender, "sender")                                                 \
    FIELD(STR, dsn_envid, "envelope_id")                                         \
    FIELD(INT, dsn_ret, "ret_flags")                                             \
    FIELD(LONG, arrival_sec, "arrival_sec")                                      \
    FIELD(LONG, arrival_usec, "arrival_usec")                                    \
    FIELD(LONG, active_sec, "active_sec") /* when it entered the active queue */ \
    FIELD(LONG, active_usec, "active_usec")                                      \
    FIELD(STR, client_name, "client_name")                                       \
    FIELD(STR, client_addr, "client_address")                                    \
    FIELD(STR, client_port, "client_port")                                       \
    FIELD(STR, client_proto, "protocol_name")                                    \
    FIELD(STR, client_helo, "helo_name")                                         \
    FIELD(STR, log_client_name, "log_client_name")                               \
    FIELD(STR, log_client_addr, "log_client_address")                            \
    FIELD(STR, log_client_port, "log_client_port")                               \
    FIELD(STR, log_client_proto, "log_protocol_name")                            \
    FIELD(STR, log_client_helo, "log_helo_name")                                 \
    FIELD(STR, log_ident, "log_ident")                                           \
    FIELD(STR, sasl_method, "sasl_method")                                       \
    FIELD(STR, sasl_username, "sasl_username")                                   \
    FIELD(STR, sasl_sender, "sasl_sender")                                       \
    FIELD(STR, rewrite_context, "rewrite_context")
IPC_MESSAGE(delivery_request, DELIVERY_REQUEST)

#define DELIVERY_RECIPIENT(FIELD)                                     \
    FIELD(STR, address, "recipient") /* internal form, as resolved */ \
    FIELD(STR, orig_addr, "original_recipient")                       \
    FIELD(STR, dsn_orcpt, "dsn_orig_rcpt") /* "rfc822;x" or empty */  \
    FIELD(INT, dsn_notify, "notify_flags")                            \
    FIELD(LONG, offset, "offset") /* of its type byte in the queue file */
IPC_MESSAGE(delivery_recipient, DELIVERY_RECIPIENT)

/* What became of the request as a whole.  Per-recipient results are in the queue file, the log and the
 * bounce/defer logs before this is sent. */
enum delivery_result {
    DELIVERY_DONE,     /* every recipient is sent or bounced */
    DELIVERY_DEFERRED, /* some recipients must be tried again */
};

#define DELIVERY_REPLY(FIELD)                                                                \
    FIELD(INT, result, "result")                                                             \
    FIELD(INT, site_reached, "site_reached") /* a session was made: good feedback */         \
    FIELD(INT, site_failed, "site_failed")   /* the destination as a whole is unreachable */ \
    FIELD(STR, dsn, "dsn")                   /* of the site failure */                       \
    FIELD(STR, reason, "reason")                                                             \
    FIELD(INT, bounced, "bounced")       /* something was appended to the bounce log */      \
    FIELD(INT, traced, "traced")         /* something was appended to the trace log */       \
    FIELD(INT, unrecorded, "unrecorded") /* the defer log lacks a deferred recipient */      \
    FIELD(INT, keep, "keep")                                                                 \
    FIELD(INT, session, "session") /* one to this nexthop is still open */
IPC_MESSAGE(delivery_reply, DELIVERY_REPLY)
