#pragma once
/* table/table - one lookup table, named `type:name`.
 *
 * table/list.h   an ordered list of tables, as in alias_maps; the forms of an address
 * table/match.h  lists that answer yes or no, as in mydestination and mynetworks
 *
 * Tables are opened before the jail and looked up inside it: text tables are read whole, indexed
 * ones are mapped, so that a lookup needs no system call; those that ask a server name it then.  A process has one handle per name and
 * flags; opening the same table again shares it.  `proxy:type:name` is opened by this process
 * itself where it may and can be, and asked of proxymap(8) otherwise (table/proxy.h).
 *
 * Opening never fails outright.  A table that cannot be opened logs
 *     error: open database /x.lmdb: No such file or directory ...
 * and each lookup in it is TABLE_ERROR with the warning `hash:/x is unavailable. open database
 * ...`, so that a daemon goes on with what does not need that table. */
#include "base/buf.h"
#include "table/type.h"

#include <sys/types.h>

struct table;

enum table_result { TABLE_FOUND, TABLE_NOT_FOUND, TABLE_ERROR };

enum table_flag {
    /* Tables of fixed strings: upper and lower case are one. */
    TABLE_FOLD = 1 << 0,
    /* With smtputf8_enable: fold as Unicode; a key that is not UTF-8 is in no table. */
    TABLE_UTF8 = 1 << 1,
    /* Privileged delivery: a regexp or pcre result with $n is an error, and strangers' servers are not asked. */
    TABLE_NO_SUBSTITUTION = 1 << 2,
    /* Results name files (postmap -F); a lookup gives their content. */
    TABLE_VALUES_ARE_FILES = 1 << 3,
    /* Commands: do not log the failure to open; the caller reads `error`. */
    TABLE_QUIET = 1 << 4,
    /* Caches: this process is the one writer and creates it (lmdb, hash, btree, internal). */
    TABLE_WRITE = 1 << 5,
    /* Lists of tables: an empty result is a result. */
    TABLE_MAY_BE_EMPTY = 1 << 6,
    /* proxymap(8): a proxied table inside is never asked for over the socket, which is its own. */
    TABLE_NO_PROXY = 1 << 7,
};
/* What nearly every parameter of type "list of tables" wants. */
#define TABLE_DEFAULT (TABLE_FOLD | TABLE_UTF8)

/* Never NULL.  A spec without a colon has the type $default_database_type.  `error` may be NULL;
 * it is left empty on success and otherwise holds the reason without a prefix. */
struct table *table_open(struct str spec, unsigned flags, struct buf *error);
void table_close(struct table *t); /* NULL is fine; the last close of a shared table ends it */

/* `value` (NULL: only tell) is replaced when the key is there, and untouched otherwise.
 * TABLE_ERROR has been logged by the table; it means "try again later". */
NODISCARD enum table_result table_lookup(struct table *t, struct str key, struct buf *value);

/* "hash:/etc/postfix/x", as the configuration has it; lives as long as the table. */
struct str table_name(const struct table *t);
/* Tables of fixed strings may be asked for parts of an address or of a host name (user, @domain, a
 * parent domain).  Those with patterns (regexp, pcre, cidr) and those that ask a
 * server by one word (tcp, socketmap) get whole keys only. */
bool table_takes_partial_keys(const struct table *t);
/* Whose words the results are: the owner of the opened file; 0, the administrator, for a table without one.  Of a
 * table made of others the owner of those that are not the administrator's, TABLE_OWNER_MANY if these
 * differ. */
#define TABLE_OWNER_MANY ((uid_t)-1)
uid_t table_owner(const struct table *t);
/* False for a table that could not be opened. */
bool table_is_open(const struct table *t);

/* Writing; only with TABLE_WRITE.  False: logged.  table_delete is true also when the key was
 * absent. */
NODISCARD bool table_update(struct table *t, struct str key, struct str value);
NODISCARD bool table_delete(struct table *t, struct str key);
/* All entries: call with an empty `position` first and the same buffer afterwards.
 * TABLE_NOT_FOUND at the end, TABLE_ERROR for a type that cannot be listed.  The entry just
 * returned may be deleted.  Key and value (may be NULL) are replaced. */
NODISCARD enum table_result table_next(struct table *t, struct buf *position, struct buf *key,
                                       struct buf *value);
bool table_can_list(const struct table *t);
/* For who must know beforehand what a table of patterns may answer: the `i`th of its results, which lives as long as the
 * table.  False: there are no more, or they depend on the key. */
NODISCARD bool table_result_at(const struct table *t, size_t i, struct str *value);

/* Has a file behind any table of this process been replaced or edited since it was opened?  One
 * fstat a file; meant for the moment between two clients.  `name` receives the first such table as
 * the log shows it, `hash:/x(0,lock|fold_fix|utf8_request)`; the caller logs "table NAME has
 * changed -- restarting" and ends. */
NODISCARD bool tables_have_changed(struct buf *name);
