#pragma once
/* postsuper - what its parts share. */
#include "base/arena.h"
#include "queue/dir.h"

#define NAME_WORDS ", \t\r\n"

struct super {
    struct queue_layout layout;
    bool long_ids;
    int renamed; /* messages whose name did not match their inode */
    bool failed; /* something could not be put right */
};

/* ---- the structure of the queue (structure.c) ---- */

/* -s: every file at its place and under the name that its inode wants.  `strict` (-S): long
 * names too. -p: files with names that are no queue ids are removed when they are old. */
struct structure_work {
    bool check, strict, purge;
    const char *const *queues; /* ends with NULL; NULL: all */
};
void structure_work(struct super *s, const struct structure_work *work);
/* As root: make the queue directories that are missing. */
void structure_make_directories(const char *owner, const char *group);

/* ---- single messages (actions.c) ---- */

/* Each says whether it did something to a file of that queue. */
bool action_delete(struct super *s, const char *queue, const struct queue_id *id);
bool action_expire(struct super *s, const char *queue, const struct queue_id *id);
bool action_hold(struct super *s, const char *queue, const struct queue_id *id);
bool action_release(struct super *s, const char *queue, const struct queue_id *id);
bool action_requeue(struct super *s, const char *queue, const struct queue_id *id);
/* A file that somebody is writing just now is not touched by `ALL`. */
bool action_is_unfinished(const char *queue, const char *path);

/* ---- many files (bulk.c) ---- */

/* Paths to remove; zero to begin with. */
struct bulk {
    struct arena memory;
    char **paths;
    size_t count, room;
};
void bulk_add(struct bulk *b, const char *path);
/* Remove them all and forget them.  Returns how many were there. */
int bulk_remove(struct bulk *b);
