#pragma once
/* posttls-finger/chat - a command, and the reply to it. */
#include "os/stream.h"
#include "smtp/reply.h"

struct chat {
    struct stream *stream;
    struct smtp_reply_reader reader;
    struct buf in;
    size_t start;      /* of what has not been read yet */
    bool is_shown;     /* lines are printed */
    const char *doing; /* "sending EHLO": for what is said of a lost connection */
};

void chat_init(struct chat *c, struct stream *stream);
void chat_fini(struct chat *c);
/* Wait for a reply; `answer` is valid until the next call.  False, printed: there is none. */
NODISCARD bool chat_hear(struct chat *c, int seconds, struct smtp_answer *answer);
/* The same after a command. */
NODISCARD bool chat_ask(struct chat *c, struct str command, int seconds,
                        struct smtp_answer *answer);
/* What came before the handshake was said in plain, and is void. */
void chat_forget(struct chat *c);
