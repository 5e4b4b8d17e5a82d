#pragma once
/* milter/event - the words of the mail filter protocol: what happens (events, to the filter) and what may be said to it
 * (responses, from the filter). */
#include <stdint.h>

enum milter_event {
    MILTER_CONNECT,
    MILTER_HELO,
    MILTER_MAIL,
    MILTER_RCPT,
    MILTER_DATA,
    MILTER_UNKNOWN, /* a command that nobody knows */
    MILTER_HEADER,
    MILTER_EOH, /* end of the headers */
    MILTER_BODY,
    MILTER_EOM, /* end of the message */
    MILTER_ABORT,
    MILTER_QUIT,
    MILTER_NEGOTIATE,
    MILTER_EVENT_COUNT
};

/* The sets of macros; those before MILTER_STAGE_UNKNOWN have their number on the wire. */
enum milter_stage {
    MILTER_STAGE_CONNECT,
    MILTER_STAGE_HELO,
    MILTER_STAGE_MAIL,
    MILTER_STAGE_RCPT,
    MILTER_STAGE_DATA,
    MILTER_STAGE_EOM, /* of body pieces, too */
    MILTER_STAGE_EOH, /* of headers, too */
    MILTER_STAGE_UNKNOWN,
    MILTER_STAGE_COUNT
};

/* Bits that are settled when the conversation begins: what the filter will change ... */
#define MILTER_ACTIONS_ALL 0x1ffU
/* ... and what it does not want to hear or to answer. */
enum milter_step {
    MILTER_NO_CONNECT = 1 << 0,
    MILTER_NO_HELO = 1 << 1,
    MILTER_NO_MAIL = 1 << 2,
    MILTER_NO_RCPT = 1 << 3,
    MILTER_NO_BODY = 1 << 4,
    MILTER_NO_HEADERS = 1 << 5,
    MILTER_NO_EOH = 1 << 6,
    MILTER_MUTE_HEADER = 1 << 7, /* no answer to headers; the others likewise */
    MILTER_NO_UNKNOWN = 1 << 8,
    MILTER_NO_DATA = 1 << 9,
    MILTER_MAY_SKIP = 1 << 10,
    MILTER_REJECTED_RCPT = 1 << 11, /* it wants to hear of recipients that were refused */
    MILTER_MUTE_CONNECT = 1 << 12,
    MILTER_MUTE_HELO = 1 << 13,
    MILTER_MUTE_MAIL = 1 << 14,
    MILTER_MUTE_RCPT = 1 << 15,
    MILTER_MUTE_DATA = 1 << 16,
    MILTER_MUTE_UNKNOWN = 1 << 17,
    MILTER_MUTE_EOH = 1 << 18,
    MILTER_MUTE_BODY = 1 << 19,
    MILTER_LEADING_SPACE = 1 << 20, /* header values with the blank behind the colon */
};

struct milter_event_info {
    char letter;
    const char *name;  /* as libmilter calls it, for log lines */
    int since;         /* version */
    uint32_t unwanted; /* step bit: the filter does not want it */
    uint32_t mute;     /* step bit: it gives no answer to it */
    enum milter_stage stage;
};
const struct milter_event_info *milter_event_info(enum milter_event event);

/* What comes back. */
enum milter_reply_kind {
    MILTER_NEED_INPUT, /* write out `out`, then feed more bytes */
    MILTER_NEGOTIATED,
    /* Answers to an event. */
    MILTER_CONTINUE,
    MILTER_ACCEPT,
    MILTER_REJECT,
    MILTER_TEMPFAIL,
    MILTER_DISCARD,
    MILTER_REPLY, /* with these `code` and `text` */
    MILTER_SHUTDOWN,
    /* More will come. */
    MILTER_PROGRESS,   /* it is still at work */
    MILTER_QUARANTINE, /* `text` says why */
    /* Changes, at the end of the message. */
    MILTER_ADD_HEADER,    /* `name`, `value` */
    MILTER_INSERT_HEADER, /* `index` counts all headers from 0 */
    MILTER_CHANGE_HEADER, /* `index` counts those of that name from 1; an empty `value` deletes */
    MILTER_REPLACE_BODY,  /* `value`: the next piece */
    MILTER_ADD_RCPT,      /* `name`: the address, `value`: ESMTP parameters */
    MILTER_DELETE_RCPT,   /* `name` */
    MILTER_CHANGE_SENDER, /* as ADD_RCPT */
    /* The end: `text` says why. */
    MILTER_BROKEN,        /* what came is no answer; the connection is of no use any more */
    MILTER_MISCONFIGURED, /* what was asked for cannot be */
};

struct milter_response {
    char letter;
    const char *name;
    enum milter_reply_kind kind;
    enum { MILTER_HAS_NOTHING, MILTER_HAS_TEXT, MILTER_HAS_EDIT } has;
};
/* NULL: there is none of that letter. */
const struct milter_response *milter_response(char letter);
