#pragma once
/* table/plugged - tables of plug-ins, as types among the others.  A process that has a door to tablemgr(8) has lookups made
 * there in all that have settings (table/tablemgr): the library is not even loaded.  Others load it.  An index file is
 * mapped by whoever opens it. */
#include "table/driver.h"
#include "table/dynamicmaps.h"

bool table_open_plugged(struct table *t, struct buf *error);
