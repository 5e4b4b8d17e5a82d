#pragma once
/* qmgr/message - an active message in memory, and the table of all of them.
 *
 * A message that waits is kept small: what only a delivery request needs (struct details) is
 * dropped when many messages are active and read again from the queue file when its turn comes. */
#include "qmgr/envelope.h"
#include "qmgr/schedule.h"
#include "queue/queue_id.h"

/* Texts of an envelope in one piece of memory. */
struct details;
struct details *details_new(const struct envelope *e);
struct str details_get(const struct details *d, enum detail which);
/* The texts again, as they were in the envelope; they point into `d`. */
void details_put(const struct details *d, struct envelope *e);

enum message_flag {
    MESSAGE_TRIED = 1 << 0,        /* may have logs from an earlier attempt */
    MESSAGE_DEFERRED = 1 << 1,     /* some recipient must be tried again */
    MESSAGE_BOUNCED = 1 << 2,      /* there is a bounce log */
    MESSAGE_TRACED = 1 << 3,       /* there is a trace log */
    MESSAGE_FORCE_EXPIRE = 1 << 4, /* mode bit */
    MESSAGE_UNTHROTTLE = 1 << 5,   /* mode bit */
    MESSAGE_NULL_SENDER = 1 << 6,
    MESSAGE_KEEP_DEFER_LOG = 1 << 7, /* force-expired: the log of the last attempt is the report */
    MESSAGE_CONFIRM = 1 << 8,        /* confirm_delay_cleared: the sender was told of a delay */
    MESSAGE_BROKEN = 1 << 9,         /* damage was found while it was delivered */
    MESSAGE_MARKED = 1 << 10,        /* message_mark() */
    MESSAGE_FLUSHED = 1 << 11,       /* the queue was flushed while it was active */
    MESSAGE_REDIRECTED = 1 << 13,    /* its one copy has been scheduled */
    MESSAGE_SEALED = 1 << 14,        /* its file may be used again */
    MESSAGE_UNRECORDED = 1 << 12, /* the defer log lacks a recipient: no report can be made of it */
    MESSAGE_UNREPORTED = 1 << 15, /* a bounce or trace log is left whose report could not be sent */
    MESSAGE_ASKED_FOR = 1 << 16, /* a flush brought it here: defer_transports do not hold it back */
};

struct message {
    struct schedule_message core;
    struct message *next;    /* in its hash bucket */
    struct details *details; /* NULL: in the file */
    int64_t arrival_us, active_us;
    int64_t create_time;
    int64_t data_offset, content_size, text_size;
    int64_t resume_at; /* more recipients in the file from here on; 0: none */
    int64_t refilled_ms;
    uint32_t warn_time, warn_at;
    int32_t rcpt_limit; /* recipients that may be in memory */
    uint32_t flags;     /* enum message_flag */
    uint16_t trace_flags;
    uint8_t sendopts, ret_flags;
    uint8_t finish_step; /* finish.c */
    /* Recipients on their way into the defer log; it is not done before they are there. */
    uint32_t recording;
    char id[];
};

struct message *message_new(const struct queue_id *id, const struct envelope *e);
static inline struct message *message_of(struct schedule_message *core)
{
    return CONTAINER_OF(core, struct message, core);
}
struct queue_id message_queue_id(const struct message *m);
static inline int message_recipients(const struct message *m)
{
    return m->core.waiting + m->core.flying;
}

/* A message to which something happened that may have been its end. */
struct message_mark {
    struct message *m;
    const struct schedule_transport *by; /* delivered some of its recipients; or NULL */
};

struct message_table {
    struct message **buckets;
    size_t bucket_count;
    int count, detailed;
    int probes;                 /* sent by verify(8) */
    struct message_mark *marks; /* to be looked at, oldest first */
    size_t marked, marks_room, looked_at;
};
struct message *message_table_find(const struct message_table *t, struct str id);
void message_table_add(struct message_table *t, struct message *m);
/* Remember to look whether anything is left to do for it. */
void message_mark(struct message_table *t, struct message *m, const struct schedule_transport *by);
/* The next one that is marked, which it is no longer then; false: none. */
bool message_take_marked(struct message_table *t, struct message_mark *out);
/* Takes it out and frees it; it must not be marked. */
void message_table_remove(struct message_table *t, struct message *m);
void message_table_flag_all(struct message_table *t, enum message_flag flag);
void message_set_details(struct message_table *t, struct message *m,
                         struct details *d); /* NULL drops them */
