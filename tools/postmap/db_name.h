#pragma once
/* tools/postmap/db_name - FILE.db, where others look for the index of hash:FILE or btree:FILE.
 *
 * Makefiles, list managers and control panels compare its time with the source's, or wait for it. */

/* `index`, FILE.lmdb, has just been published: FILE.db leads to it, unless something is there that is no index of ours.  One
 * of Berkeley DB stays as long as it is not older than its source, so that there is a way back to programs that read it.
 * What fails is a warning. */
void db_name_keep(const char *index);
