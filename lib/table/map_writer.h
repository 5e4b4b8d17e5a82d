#pragma once
/* table/map_writer - build an indexed file and publish it with one rename.
 *
 * Entries are collected in memory in any order.  Publishing sorts them and writes NAME.lmdb
 * afresh (os/draft); readers of the old file keep it until they notice.  Concurrent writers of one file take
 * turns. */
#include "os/draft.h"
#include "table/plugin.h"

struct map_writer;

enum map_writer_flag {
    MAP_WRITER_NULS =
        1 << 0, /* keys and values end in a NUL (the default of postmap and postalias) */
    MAP_WRITER_REPLACE = 1 << 1, /* a later entry replaces an earlier one with the same key */
};

/* `path` is the index itself, "x.lmdb". */
struct map_writer *map_writer_new(const char *path, unsigned flags);
/* Before anything is added: the file is made by a plug-in, with the entries in the order of adding.  Nothing can be taken over. */
void map_writer_use(struct map_writer *w, const struct plugin_maker *maker);
void map_writer_free(struct map_writer *w); /* what was not published is gone; NULL is fine */

/* Take over the published file before adding to it: waits for other writers, and goes on with its
 * NUL convention and entries.  A missing file is an empty one; `owner`
 * becomes that of one that is there.  False: `error`. */
NODISCARD bool map_writer_resume(struct map_writer *w, struct draft_owner *owner,
                                 struct buf *error);
/* False: the key is empty or does not fit (LMDB keys have at most 511 bytes); the caller says so. */
NODISCARD bool map_writer_add(struct map_writer *w, struct str key, struct str value);
/* True if there was such an entry (after map_writer_resume). */
NODISCARD bool map_writer_delete(struct map_writer *w, struct str key);

/* `duplicate` (may be NULL) hears of each entry that lost against another with the same key, in
 * the order of adding. False: `error`; the published file is as it was. */
NODISCARD bool map_writer_publish(struct map_writer *w, const struct draft_owner *owner,
                                  void (*duplicate)(void *context, struct str key), void *context,
                                  struct buf *error);
