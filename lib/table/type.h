#pragma once
/* table/type - the table types by name; table/driver.h says what one is. */
#include "base/buf.h"

struct table_plugin;

/* Takes "type:name" apart; without a colon the type is $default_database_type. */
void table_spec_split(struct str spec, struct str *type, struct str *name);
bool table_type_exists(struct str type);
/* Has an index file that postmap builds, as lmdb, hash, btree, cdb. */
bool table_type_is_indexed(struct str type);
/* The plug-in of an indexed type that is not built in.  NULL: it is built in, or `error` says why it cannot be had. */
const struct table_plugin *table_type_plugin(struct str type, struct buf *error);
/* Needs connections: who wants to look up in its jail has to open it before. */
bool table_type_asks_server(struct str type);
/* The file whose replacement changes the table, for who does not open it. */
struct watch;
void table_spec_watch(struct str spec, struct watch *w);
/* The text of the error for a type that there is not; the log says how it could be there. */
void table_type_unknown(struct str type, struct buf *error);
/* All types, one name a line, sorted (postconf -m). */
void table_types(struct buf *out);
