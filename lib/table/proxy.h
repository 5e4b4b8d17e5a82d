#pragma once
/* table/proxy - which tables may be asked for through proxymap(8).
 *
 * A process opens `proxy:type:name` itself when its own configuration approves the table and the open
 * succeeds.  That is before the jail, with the rights that any other table is opened with: the lookup is
 * as cheap as without the word.  It asks private/proxymap when the open failed, and when its own
 * configuration says no (that of proxymap decides, and may have an -o in master.cf).  Tables that are
 * written (TABLE_WRITE) always go to private/proxywrite, because a cache has one writer. */
#include "base/str.h"

/* Is "proxy:" + `table` a word of this expanded list (proxy_read_maps, proxy_write_maps)?  Words in braces,
 * as in restrictions, count too. */
bool proxy_is_approved(struct str list, struct str table);
