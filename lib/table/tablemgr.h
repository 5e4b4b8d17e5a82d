#pragma once
/* table/tablemgr - lookups that tablemgr(8) makes for a process in its jail, in tables whose client library would have to open
 * files and sockets there.
 *
 * Before the jail the process names every such table that its configuration has, with the file that only root may be able to
 * read, and closes the list.  From then on tablemgr looks up what is asked in these tables, and in no others.  What it
 * would log is logged here, by the process that asks. */
#include "table/table.h"

/* Does this process have its lookups made?  service/trust.def says who does. */
bool tablemgr_is_used(void);
/* Before the jail: put a table on the list.  `settings` is the text of its file, empty for a table whose settings are in
 * main.cf.  Returns its entry, which is the same for the same table.  -1: the list is full or closed (`error` says it). */
NODISCARD int tablemgr_add(struct str spec, struct str settings, struct buf *error);
/* Before the jail, when all is on the list.  Without a list nothing is opened. */
void tablemgr_close_list(void);
/* The value replaces what is in `value`.  An error has been logged. */
NODISCARD enum table_result tablemgr_lookup(int entry, struct str key, struct buf *value);
/* The way to tablemgr is gone and only a new process gets another: service_replace(). */
bool tablemgr_is_lost(void);
