#pragma once
/* milter/milter - the mail server's half of a conversation with one filter, without sockets.
 *
 *     milter_init(&m, &protocol);                    offers what we can do
 *     for (;;) {
 *         struct milter_reply r = milter_next(&m);
 *         MILTER_NEED_INPUT: write out m.out, milter_sent(); read into milter_room(), milter_filled()
 *         MILTER_NEGOTIATED: go on with milter_say()
 *         ...
 *
 * milter_say() puts an event into `out` and tells whether the filter owes an answer to it; if so, milter_next() gives, after
 * any number of MILTER_PROGRESS, one of the answers, and at the end of the message the changes before it.  A filter may
 * settle that it does not want an event, or gives no answer to it; that is kept here.
 *
 * Nothing that a filter says needs more memory than MILTER_PACKET_MAX: longer packets are an error, but for those of a new
 * body, which come in pieces as they were read. */
#include "base/arena.h"
#include "milter/event.h"
#include "milter/payload.h"

#define MILTER_PACKET_MAX (1024UL * 1024)
#define MILTER_BODY_MAX   65535 /* bytes of message in one event */
#define MILTER_VERSION    6

/* What we offer: see milter/config.h. */
struct milter_protocol {
    int version;
    uint32_t steps;
};

struct milter_reply {
    enum milter_reply_kind kind;
    int code;
    uint32_t index;
    struct str text, name, value; /* until the next call of milter_next() */
};

struct milter {
    struct buf out;   /* for the filter */
    int version;      /* settled */
    uint32_t steps;   /* settled: enum milter_step */
    struct buf notes; /* lines for the log about oddities that do no harm; the driver empties it */
    /* The rest is private. */
    struct milter_protocol offer;
    struct arena arena;
    struct str macros[MILTER_STAGE_COUNT]; /* as the filter wants them; absent: as the site does */
    struct buf in, text;
    enum milter_event event; /* said last */
    enum milter_event skip;  /* not wanted until another one comes; MILTER_EVENT_COUNT: none */
    size_t taken;            /* bytes of `in` that are done with */
    size_t piece_left;       /* of the body packet under way */
    enum { MILTER_BODY_NONE, MILTER_BODY_COMES, MILTER_BODY_ENDED } body;
    bool broken;
};

/* Begins with the offer in `out`. */
void milter_init(struct milter *m, const struct milter_protocol *offer);
/* Goes on with a conversation that another process has begun. */
void milter_resume(struct milter *m, int version, uint32_t steps);
void milter_fini(struct milter *m);

/* Which macros go before an event of this stage; `by_default` unless the filter has asked for others. */
struct str milter_macro_names(const struct milter *m, enum milter_stage stage,
                              struct str by_default);
/* Would this event be said at all, or at least its macros? */
bool milter_knows(const struct milter *m, enum milter_event event);
/* Say that `event` happens.  `macros` come from milter_macros_format().  True: the filter owes an answer. */
bool milter_say(struct milter *m, enum milter_event event, struct str macros, struct str payload);

/* Room for what the filter says: at least 4 KB. */
char *milter_room(struct milter *m, size_t *size);
void milter_filled(struct milter *m, size_t n);
/* The bytes of `out` have been written. */
void milter_sent(struct milter *m);
/* Has a packet begun that is not complete? */
bool milter_is_in_packet(const struct milter *m);
NODISCARD struct milter_reply milter_next(struct milter *m);
