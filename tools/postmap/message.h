#pragma once
#include "tools/postmap/tabletool.h"

/* -h, -b: standard input is a message; each logical header, or each line of the body, is a key.
 * With -m the headers of its parts are headers, too. */
void query_message(struct table_query *q);
