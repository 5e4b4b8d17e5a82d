#pragma once
/* tools/postmap/db_name - FILE.db, where others look for the index of hash:FILE or btree:FILE.
 *
 * Makefiles, list managers and control panels compare its time with the source's, or wait for it. */

/* `index` has just been published: its name without ".lmdb" and with ".db" leads to it, unless something is there.  An index
 * of Berkeley DB stays as long as it is not older than its source, so that there is a way back to programs that read it.
 * What fails is a warning. */
void db_name_keep(const char *index);
