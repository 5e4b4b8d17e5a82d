#pragma once
/* table/index_file - which file is the index of an indexed table.
 *
 * Ours is NAME.lmdb.  Postfix's is NAME.db, and so scripts move, copy and deliver that name: they build "new" and rename
 * new.db to NAME.db, so that a live table changes at once.  So for hash: and btree: a NAME.db that holds an index of ours, itself or
 * by a link, is the index.  One of Berkeley DB is not. */
#include "base/buf.h"

#define TABLE_INDEX_SUFFIX       ".lmdb"
#define TABLE_TRADITIONAL_SUFFIX ".db"

/* Adds the path to `path`, whether a file is there or not. */
void table_index_file(struct str type, struct str name, struct buf *path);
/* Is there an LMDB file? */
bool table_is_index(const char *path);
