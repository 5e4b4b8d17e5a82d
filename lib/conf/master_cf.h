#pragma once
/* conf/master_cf - master.cf: one service to a logical line.
 *
 * Eight fields: service, type, private, unprivileged, chroot, wakeup, process limit, command; then the
 * command's arguments.  `-` asks for the default.  A field that begins with `{` runs to the matching
 * `}`; both braces and the blanks next to them are not part of it. */
#include "base/arena.h"
#include "base/buf.h"

enum master_type {
    MASTER_INET,       /* service is [host:]port */
    MASTER_UNIX,       /* stream socket, a path below private/ or public/ */
    MASTER_UNIX_DGRAM, /* datagram socket */
    MASTER_FIFO,
    MASTER_PASS, /* connections arrive as descriptors over a stream socket */
};

/* A word as it stands in the file. */
struct master_field {
    struct str text;
    bool braced; /* written in { } */
};

struct master_setting {
    struct str name, value; /* value unexpanded */
};

struct master_entry {
    struct str service;
    enum master_type type;
    bool private;      /* socket below private/ (else public/); inet: false */
    bool unprivileged; /* runs as mail_owner */
    bool chroot;       /* as written; `-`: false, and the compatibility level may want otherwise */
    int wakeup;        /* seconds, 0: never */
    bool wakeup_conditional; /* `?`: only once the service was used */
    int process_limit;       /* 0: none; -1 for `-`: default_process_limit */
    struct str command;      /* file name below daemon_directory */

    /* The arguments without the -o settings, in their order. */
    struct str *argv;
    size_t argc;
    /* -o name=value and -o { name = value }, in their order; the last of a name counts. */
    struct master_setting *settings;
    size_t setting_count;

    bool private_is_default, unprivileged_is_default, chroot_is_default; /* written as `-` */
    bool wakeup_is_default;
    bool replaced;               /* a later line defines the same service and type again */
    unsigned line;               /* first line of the definition */
    struct master_field *fields; /* the whole line */
    size_t field_count;
};

struct master_cf {
    struct master_entry *entries; /* in the order of the file */
    size_t count;
};

/* Everything that `out` points to lives in `arena` or borrows from `text`.  False at the first bad line,
 * with "FILE: line N: what is wrong" in `error`. */
NODISCARD bool master_cf_parse(struct str text, struct str file, struct arena *arena,
                               struct master_cf *out, struct buf *error);
/* DIR/master.cf; the text is kept in the arena. */
NODISCARD bool master_cf_read(const char *dir, struct arena *arena, struct master_cf *out,
                              struct buf *error);

/* The value of a -o setting of this entry; false if it has none of that name. */
NODISCARD bool master_entry_setting(const struct master_entry *e, struct str name,
                                    struct str *value);

NODISCARD bool master_type_parse(struct str text, enum master_type *type);
struct str master_type_name(enum master_type type);

/* For tools that show and edit the file: split a logical line.  False when a brace has no partner. */
#define MASTER_FIELD_COUNT 8 /* that every line has */
NODISCARD bool master_line_split(struct str line, struct arena *arena, struct master_field **fields,
                                 size_t *count);

/* One command-line argument after the other: options come first, and `-o` takes a setting with it. */
struct master_args {
    const struct master_field *fields;
    size_t count, next;
    struct str letters; /* rest of a cluster such as -vo */
    bool value_follows; /* of an option that takes one, in the next field */
    bool options_over;
};
struct master_arg {
    struct str text; /* "-v", "flags=R", ...; for a setting "name=value" */
    bool braced;
    bool is_setting;
    struct master_setting setting;
    size_t index; /* of the field that it ends in */
};
#define MASTER_ARGS(line_fields, line_count) \
    ((struct master_args){                   \
        .fields = (line_fields), .count = (line_count), .next = MASTER_FIELD_COUNT })
NODISCARD bool master_args_next(struct master_args *a, struct arena *arena, struct master_arg *arg);
/* `name=value`, blanks around both dropped.  False without a name or a `=`. */
NODISCARD bool master_setting_parse(struct str text, struct master_setting *setting);
