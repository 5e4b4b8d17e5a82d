#pragma once
/* pipe - what master.cf says about a pipe(8) service, and the command line for one request. */
#include "delivery/command.h"
#include "delivery/owner_arg.h"

enum pipe_flag {
    PIPE_FINAL = 1 << 0,       /* X: the command delivers for good ("delivered", not "relayed") */
    PIPE_FOLD_DOMAIN = 1 << 1, /* h: $domain and $nexthop in lower case */
    PIPE_FOLD_USER = 1 << 2,   /* u: local parts in lower case */
    PIPE_QUOTE = 1 << 3,       /* q: addresses in external form */
};

struct pipe_settings {
    struct owner_arg owner;
    unsigned copy_flags; /* enum copy_flag */
    unsigned flags;      /* enum pipe_flag */
    struct str eol;
    struct str null_sender; /* stands for the empty sender */
    int64_t size_limit;     /* 0: none */
    const char *directory, *chroot;
    char **argv;      /* templates; ends with NULL */
    struct str where; /* "file /etc/postfix/master.cf: service NAME", for warnings */
};

/* Attributes end with argv=.  A mistake ends the process. */
void pipe_settings_parse(struct pipe_settings *s, struct arena *forever, char **args, int count);

/* Whom the command and the headers see as the sender. */
struct str pipe_sender(const struct pipe_settings *s, const struct delivery *d);

/* The command's argument vector: an argument that mentions the recipient is there once for each.
 * NULL: unknown macro, logged. */
const char *const *pipe_arguments(const struct pipe_settings *s, struct delivery *d);
