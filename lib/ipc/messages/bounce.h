#pragma once
/* bounce(8), also known as defer and trace: the per-message delivery logs and the reports made of them.
 *
 * Client sends one frame, server answers with one 'S' bounce_reply.  A connection may carry several.
 * Which log is meant follows from the service that is addressed: private/bounce, private/defer,
 * private/trace.
 *
 *   'A' bounce_append   append one recipient's outcome to the log
 *   'F' bounce_report   send the report for the whole log, then remove the log
 *                       (bounce: failure report; defer: failure report from the defer log when the
 *                       message has expired; trace: success or verify report)
 *   'W' bounce_report   send a delay warning from the defer log; the log stays
 *   'V' bounce_report   as 'F', to the VERP form of the sender, one report per recipient
 *   'C' bounce_report   as 'F' for a trace log: a success report, because the sender was told of a delay
 *   'O' bounce_append   one recipient without a log: report at once, for the owner of a list; preceded
 *                       by the bounce_report message in the same frame */
#include "ipc/schema.h"

#define BOUNCE_APPEND  'A'
#define BOUNCE_FLUSH   'F'
#define BOUNCE_WARN    'W'
#define BOUNCE_VERP    'V'
#define BOUNCE_CONFIRM 'C'
#define BOUNCE_ONE     'O'
#define BOUNCE_REPLY   'S'

#define BOUNCE_APPEND_FIELDS(FIELD)             \
    FIELD(STR, queue_id, "queue_id")            \
    FIELD(STR, recipient, "recipient")          \
    FIELD(STR, orig_rcpt, "original_recipient") \
    FIELD(STR, dsn_orcpt, "dsn_orig_rcpt")      \
    FIELD(INT, dsn_notify, "notify_flags")      \
    FIELD(LONG, offset, "offset")               \
    FIELD(STR, status, "status")                \
    FIELD(STR, action, "action")                \
    FIELD(STR, diag_type, "diag_type")          \
    FIELD(STR, diag_text, "diag_text")          \
    FIELD(STR, mta_type, "mta_type")            \
    FIELD(STR, mta_name, "mta_mname")           \
    FIELD(STR, reason, "reason")
IPC_MESSAGE(bounce_append, BOUNCE_APPEND_FIELDS)

#define BOUNCE_REPORT_FIELDS(FIELD)            \
    FIELD(STR, queue_name, "queue_name")       \
    FIELD(STR, queue_id, "queue_id")           \
    FIELD(STR, encoding, "encoding")           \
    FIELD(INT, sendopts, "sendopts")           \
    FIELD(STR, sender, "sender")               \
    FIELD(STR, dsn_envid, "envelope_id")       \
    FIELD(INT, dsn_ret, "ret_flags")           \
    FIELD(STR, verp_delims, "verp_delimiters") \
    FIELD(LONG, arrival_sec, "arrival_sec")    \
    FIELD(STR, owner, "owner") /* 'O': of a mailing list, who hears of it instead of the sender */
IPC_MESSAGE(bounce_report, BOUNCE_REPORT_FIELDS)

#define BOUNCE_REPLY_FIELDS(FIELD) FIELD(INT, status, "status") /* 0: done */
IPC_MESSAGE(bounce_reply, BOUNCE_REPLY_FIELDS)
