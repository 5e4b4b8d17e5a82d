#pragma once
/* What the files of smtp-sink share. */
#include "base/arena.h"
#include "tools/traffic/server.h"

#include <stdio.h>

/* The words of a dialogue, for the options that change an answer. */
#define SINK_WORDS(X) \
    X(CONNECT)        \
    X(HELO)           \
    X(EHLO)           \
    X(LHLO)           \
    X(XCLIENT) X(XFORWARD) X(AUTH) X(MAIL) X(RCPT) X(VRFY) X(DATA) X(DOT) X(RSET) X(NOOP) X(QUIT)
enum sink_word {
#define X(word) WORD_##word,
    SINK_WORDS(X)
#undef X
        WORD_COUNT
};
/* "." for WORD_DOT. */
const char *sink_word_name(enum sink_word word);
/* WORD_COUNT when there is none like it. */
enum sink_word sink_word_find(struct str text);

enum sink_answer { ANSWER_YES, ANSWER_SOFT, ANSWER_HARD, ANSWER_HANG_UP, ANSWER_421 };

/* How one word is treated. */
struct sink_manner {
    enum sink_answer answer;
    bool logged;
    int delay_s, odds; /* -W: odds of 0 for a fixed delay */
};

struct sink_dump {
    const char *template; /* NULL: messages are thrown away */
    bool appends;         /* -D: many messages a file */
    struct buf start;     /* -S */
};

struct sink {
    struct server server;
    struct sink_manner manners[WORD_COUNT];
    struct sink_dump dump;
    const char *host;
    const char *soft_reply, *hard_reply;
    bool hides_8bit, hides_auth, hides_xclient, hides_esmtp, hides_status, hides_xforward,
        hides_dsn, hides_pipelining;
    bool is_pix, is_lmtp;
    int abort_delay;                    /* -A: seconds after the answer to DATA; -1: no abort */
    int data_read_delay;                /* -H */
    int64_t sessions_max, messages_max; /* 0: no end */
    int64_t sessions, quits, messages;
};

/* A message that is written to a file. */
struct dump_file {
    FILE *file;
    char id[16];
};

struct session {
    struct talk talk;
    struct sink *sink;
    struct buf client;      /* its address, as dumps show it */
    const char *protocol;   /* as dumps show it */
    struct buf helo;        /* empty before it */
    struct buf mail, rcpts; /* arguments for a dump; a NUL behind each of `rcpts` */
    int rcpt_count;
    bool in_mail; /* MAIL was accepted */
    bool in_content, at_line_start;
    enum sink_word pending; /* what a delay answers */
    struct str pending_argument;
    struct arena arena; /* of pending_argument */
    struct dump_file dump;
};

/* smtp-sink-dump.c.  Fatal when the file cannot be written. */
void dump_begin(struct session *s);
void dump_line(struct session *s, struct str line);
void dump_end(struct session *s);
void dump_drop(struct session *s); /* of a message that was not completed */
/* -S: C escapes undone. */
void dump_set_start(struct sink_dump *d, const char *text);

/* smtp-sink-dialogue.c */
extern const struct talk_kind sink_session_kind;
/* A client is there. */
void sink_greet(struct session *s);
