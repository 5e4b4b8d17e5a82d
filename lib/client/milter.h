#pragma once
/* client/milter - conversations with filters: one connection each for a session, or for a message of this host.
 *
 * A filter that cannot be reached, dies, stalls or breaks the protocol is treated as its milter_default_action says, for the
 * rest of the session.  Times are kept for each answer, and begin anew when a filter says that it is still at work. */
#include "client/milter_list.h"
#include "ipc/messages/cleanup.h"
#include "os/stream.h"

/* What an event came to. */
enum milter_outcome { MILTER_PASSES, MILTER_HOLDS, MILTER_DISCARDS, MILTER_REFUSES };

struct milter_verdict {
    enum milter_outcome outcome;
    int code;        /* MILTER_REFUSES: the reply; 421 and 521 end the session, too */
    struct str text; /* of the reply, lines separated by LF; or why the message is held */
};
/* What the log says of a message that is held, whatever a filter has said about it. */
struct str milter_hold_reason(struct str said);
#define MILTER_NO_OBJECTION ((struct milter_verdict){ .outcome = MILTER_PASSES })

/* One change, at the end of the message; false: it cannot be made, nor anything that would follow. */
typedef bool milter_edit_fn(void *context, const struct milter_reply *change);

enum milter_condition {
    MILTER_IS_READY,
    MILTER_IS_CONTENT, /* it has accepted the message */
    MILTER_IS_DONE,    /* it has accepted the session, or does not want to hear more */
    MILTER_IS_DECIDED, /* `verdict` stands for the rest of the session */
};

struct milter_client {
    const struct milter_filter *filter;
    struct stream stream;
    struct milter machine;
    enum milter_condition condition;
    bool failed; /* in the middle of a conversation */
    bool greeted;
    bool is_broken;  /* the connection is of no use to anybody any more, whoever else has it */
    int handed_over; /* to another process, as its Nth; 0: not now */
    struct milter_verdict verdict; /* its text may be in `text` */
    struct buf text;
    struct str content_macros
        [2]; /* of headers, and of the body: as another process made them; absent: as ours */
};

struct milter_chain {
    const struct milter_site *site;
    struct milter_client *clients;
    size_t count;
    milter_macro_fn *macro; /* values of ours */
    void *context;          /* of `macro` */
};

/* Nothing is connected yet.  The list must live as long as the chain. */
void milter_chain_init(struct milter_chain *chain, const struct milter_site *site,
                       const struct milter_list *list, milter_macro_fn *macro, void *context);
/* Says goodbye to each, and closes. */
void milter_chain_close(struct milter_chain *chain);
static inline bool milter_chain_is_open(const struct milter_chain *chain)
{
    return chain->clients != NULL;
}

/* Connect to each in turn and tell who has connected (milter_put_connect()). */
struct milter_verdict milter_chain_connect(struct milter_chain *chain, struct str payload);
/* Tell each in turn until one objects. */
struct milter_verdict milter_chain_event(struct milter_chain *chain, enum milter_event event,
                                         struct str payload);
/* A message begins: whoever has accepted something before it did not mean this one. */
void milter_chain_begin_message(struct milter_chain *chain);
/* Tell those who want to know of a recipient that was refused; what they think of it does not matter. */
void milter_chain_rejected_rcpt(struct milter_chain *chain, struct str payload);
/* There will be no more of this message: tell those that have heard of it. */
void milter_chain_end_message(struct milter_chain *chain);
/* No one needs to hear more of this message: it will be thrown away. */
void milter_chain_ignore_message(struct milter_chain *chain);

/* ---- the content, by one filter after the other */

/* Say one event of the content; `edit` makes the changes at the end of the message. */
struct milter_verdict milter_client_say(struct milter_chain *chain, struct milter_client *c,
                                        enum milter_event event, struct str payload,
                                        milter_edit_fn *edit, void *context);
/* Something that it asked for cannot be: what comes of it. */
struct milter_verdict milter_client_misconfigured(struct milter_client *c, struct str why);
void milter_client_break(struct milter_client *c);

/* ---- handing a conversation over to another process */

/* All that goes with the descriptor; the macros of headers and body, and text that is for the taker of the message, are
 * added to `macros`. */
struct cleanup_milter milter_client_describe(const struct milter_chain *chain,
                                             const struct milter_client *c, struct buf *macros);
/* The other side: a chain with room for `count`, and the next one of them.  `filter` and `macros` must live as long as the
 * chain. */
void milter_chain_init_taken(struct milter_chain *chain, const struct milter_site *site,
                             size_t count);
void milter_chain_take(struct milter_chain *chain, const struct milter_filter *filter,
                       const struct cleanup_milter *given, struct str macros, int fd);
/* The taker's: bits of those that are broken, in the order of milter_chain_take(). */
int milter_chain_broken(const struct milter_chain *chain);
/* The giver's: what the taker says.  Such a filter is as good as one that has gone. */
void milter_chain_lose(struct milter_chain *chain, int broken);
/* Closes our copies without a word. */
void milter_chain_release(struct milter_chain *chain);
