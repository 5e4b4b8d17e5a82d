#pragma once
/* Submitting a message to cleanup(8) over public/cleanup: smtpd, pickup, local, bounce, qmqpd.
 *
 * One connection carries any number of messages, one after the other:
 *
 *   client 'O' cleanup_open       server 'I' cleanup_ready    (the queue file exists; its id)
 *   client 'R' whole queue records, any number of frames, in the order of a queue file:
 *              envelope up to M, message content, X, extracted, E  (spec: queue file, sections 4-6)
 *              (an `f` record among the envelope adds decimal bits of cleanup_flag that became known late)
 *   client 'M' cleanup_milter     before M: a filter that is to see the content; its connection comes with the frame
 *   client 'E' empty              server 'V' cleanup_verdict  (OK: safe on disk)
 *   client 'X' empty              the message is dropped; no answer; the connection may go on
 *
 * Closing the connection without 'E' drops the message too.  cleanup writes C, T if absent, create_time. */
#include "ipc/schema.h"

/* A record that exists on this wire only, never in a file: decided after the message was opened (an access table
 * said HOLD or DISCARD).  Payload: decimal bits of enum cleanup_flag. */
#define CLEANUP_RECORD_FLAGS 'f'

#define CLEANUP_SUBMIT_OPEN    'O'
#define CLEANUP_SUBMIT_READY   'I'
#define CLEANUP_SUBMIT_RECORD  'R'
#define CLEANUP_SUBMIT_MILTER  'M'
#define CLEANUP_SUBMIT_END     'E'
#define CLEANUP_SUBMIT_ABORT   'X'
#define CLEANUP_SUBMIT_VERDICT 'V'

/* What cleanup should do with the message (bits of `flags`). */
enum cleanup_flag {
    CLEANUP_FLAG_BOUNCE = 1 << 0,  /* bad content, no recipients: bounce it (local submission) */
    CLEANUP_FLAG_FILTER = 1 << 1,  /* checks and milters apply (internal mail: no) */
    CLEANUP_FLAG_HOLD = 1 << 2,    /* place on hold */
    CLEANUP_FLAG_DISCARD = 1 << 3, /* accept, then throw away */
    CLEANUP_FLAG_BCC_OK = 1 << 4,  /* always_bcc and the bcc maps apply */
    CLEANUP_FLAG_MAP_OK = 1 << 5,  /* canonical and virtual mapping apply */
    CLEANUP_FLAG_SMTPUTF8_AUTO = 1 << 6, /* detect SMTPUTF8 from content and addresses */
    CLEANUP_FLAG_MILTER = 1 << 7,        /* non_smtpd_milters apply */
    CLEANUP_FLAG_MILTERS_COME = 1 << 8,  /* filters of the submitter may follow */
};
#define CLEANUP_FLAGS_EXTERNAL \
    (CLEANUP_FLAG_FILTER | CLEANUP_FLAG_BCC_OK | CLEANUP_FLAG_MAP_OK | CLEANUP_FLAG_MILTER)

#define CLEANUP_OPEN(FIELD)    \
    FIELD(INT, flags, "flags") \
    FIELD(INT, sendopts, "sendopts") /* queue file C record, field 6 */
IPC_MESSAGE(cleanup_open, CLEANUP_OPEN)

/* A conversation with a filter that the submitter has begun, and will go on with when it has the verdict.  Behind the fields
 * stand, as they go into packets, the macros of headers (so many bytes) and those of the body. */
#define CLEANUP_MILTERS_MAX 32 /* of one message */
#define CLEANUP_MILTER(FIELD)                      \
    FIELD(STR, name, "name")                       \
    FIELD(INT, version, "version")                 \
    FIELD(INT, steps, "steps")                     \
    FIELD(INT, command_timeout, "command_timeout") \
    FIELD(INT, content_timeout, "content_timeout") \
    FIELD(STR, default_action, "default_action")   \
    FIELD(INT, header_macros, "header_macros")
IPC_MESSAGE(cleanup_milter, CLEANUP_MILTER)

#define CLEANUP_READY(FIELD) FIELD(STR, queue_id, "queue_id")
IPC_MESSAGE(cleanup_ready, CLEANUP_READY)

/* Why a message was refused; the submitter turns it into its reply. */
enum cleanup_status {
    CLEANUP_OK,      /* queued, durable */
    CLEANUP_BAD,     /* protocol error by the submitter: "internal error" */
    CLEANUP_WRITE,   /* queue file write error */
    CLEANUP_SIZE,    /* message file too big */
    CLEANUP_CONTENT, /* rejected by header/body checks; reason holds "5.7.1 text" or text */
    CLEANUP_HOPS,    /* too many hops */
    CLEANUP_NO_RCPT, /* no recipients */
    CLEANUP_DEFER,   /* service unavailable, try again later */
    CLEANUP_REPLY,   /* reason is a complete SMTP reply (milter) */
    CLEANUP_SPACE,   /* insufficient system storage */
};

#define CLEANUP_VERDICT(FIELD)                                                    \
    FIELD(INT, status, "status")                                                  \
    FIELD(STR, reason, "reason") /* may be empty */                               \
    FIELD(LONG, size, "size")    /* bytes of message content, for BDAT replies */ \
    FIELD(                                                                        \
        INT, broken,                                                              \
        "broken") /* bits of the filters, in the order in which they were handed over: nobody may go on \
                                    with the conversation */
IPC_MESSAGE(cleanup_verdict, CLEANUP_VERDICT)
