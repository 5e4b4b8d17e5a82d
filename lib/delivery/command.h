#pragma once
/* delivery/command - a message as the input of a command: |command, mailbox_command, pipe(8). */
#include "delivery/copy.h"
#include "os/spawn.h"

/* The environment of a command, in an arena. */
struct command_env {
    struct arena *arena;
    const char **vars; /* ends with NULL */
    size_t count, room;
};
void command_env_init(struct command_env *env, struct arena *a);
/* NULs and what follows them are lost; an absent value adds nothing. */
void command_env_add(struct command_env *env, const char *name, struct str value);
/* PATH, and what export_environment names: `NAME` from our own environment, `NAME=value`. */
void command_env_add_exported(struct command_env *env);

struct command {
    const char *const *argv; /* NULL: `text` is a command line */
    const char *agent;       /* "local", "pipe": for messages */
    const char *text;        /* for messages; run by a shell if need be */
    struct str shell;        /* local_command_shell: always use it; empty: /bin/sh when needed */
    const struct command_env *env;
    const char *directory, *chroot;
    uid_t uid;
    gid_t gid;
    int time_limit_s;
    int64_t size_limit; /* of any file that the command writes; 0: none */
};

#define COMMAND_OUTPUT_MAX 4096 /* what we keep of it, for the report */
/* On success `o` is "2.0.0" without a text and `output` (the first bytes that the command wrote, in
 * one line) is for the caller's use. */
void command_deliver(struct delivery *d, const struct command *c, const struct copy_plan *plan,
                     struct outcome *o, struct buf *output);

/* The pure parts. */
bool command_needs_shell(struct str text);
/* What a command wrote as one line of text: without what follows a NUL, and with `_` for control characters and
 * bytes that are no UTF-8. */
void command_output_line(struct buf *output);
struct command_end {
    enum spawn_result result;
    int status; /* exit status or signal */
    struct str output;
};
/* Exit status as sysexits.h has it, unless the output begins with a status code of its own. */
void command_outcome(struct outcome *o, struct arena *a, const struct command_end *end,
                     const char *text);
