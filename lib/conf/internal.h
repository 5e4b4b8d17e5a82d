#pragma once
/* conf/internal - what the files of this module share.  conf.c is the ground (what is written where), value.c stands on
 * it (what that means), fill.c and check.c on both. */
#include "base/map.h"
#include "conf/conf.h"
#include "conf/expand.h"

/* What main.cf says; shared by a conf and its forks, never changed after it was read. */
struct conf_file {
    unsigned users;
    char *dir;
    struct buf text;
    struct arena arena;
    struct map settings; /* name -> struct setting */
    struct map origins;  /* file -> struct str, what its first line says; read once */
    bool shown_as_written;
    bool overridden; /* some name has two values */
};

struct conf {
    struct conf_file *file;
    struct map overrides; /* name -> struct str */
    struct map expanded;  /* name -> struct str, in `memo` */
    struct arena arena, memo;
    const struct unfolding *unfolding; /* the names being expanded */
    struct str culprit; /* the name whose text could not be expanded, for the one who reports it */
    bool origin_failed; /* because a file could not be read */
};

/* conf.c: what -o or main.cf says; NULL: nothing. */
const struct str *conf_find_setting(const struct conf *c, struct str name);
/* "DIR/main.cf, line N: " when main.cf sets the name and -o does not; else nothing. */
void conf_add_place(const struct conf *c, struct str name, struct buf *out);
/* Log where the value is that cannot be used, before a fatal line says why. */
void conf_log_place(const struct conf *c, struct str name);

/* A program of Postfix reads main.cf twice, so its warnings about two values of a name say both: the later value is in
 * the way of the earlier line the second time.  postconf reads once. */
void conf_warn_of_overrides(const struct conf *c);

/* value.c: conf_raw() and conf_value() for those who report a failure themselves. */
NODISCARD bool conf_try_raw(struct conf *c, struct str name, struct str *raw, struct buf *error);

/* defaults.c: values that depend on this host or this process; their rows in the table say so in parentheses. */
struct default_source {
    /* What other values say, and whether they are set at all. */
    bool (*value)(void *context, struct str name, unsigned depth, struct str *value,
                  struct buf *error);
    bool (*is_set)(void *context, struct str name);
    void *context;
    unsigned depth; /* of the expansion that needs the default */
    const char *directory;
};
/* Append it to `answer`; nothing for a row that is not computed. */
NODISCARD bool default_compute(const struct default_source *from, struct str name,
                               struct buf *answer, struct buf *error);

/* origin.c: the first line of a file as the value of myorigin. */
NODISCARD bool origin_read(const char *path, struct buf *origin, struct buf *error);

/* meaning.c: a value that only certain words or forms can be.  `forms` are those that every program depends on and
 * that cost nothing to look at. */
enum meaning_scope { MEANING_FORMS, MEANING_ALL };
struct fault_sink {
    void (*report)(void *context, struct str name, struct str problem);
    void *context;
};
void meaning_check(struct conf *c, enum meaning_scope scope, const struct fault_sink *faults);

/* Room for a value of any type. */
union any_value {
    int64_t number;
    struct str text;
};
/* fill.c: read a value as the row says and put it into the member at `at`.  False with the text of the log line. */
NODISCARD bool fill_member(struct conf *c, const struct param *p, struct str name, char *at,
                           struct buf *error);
