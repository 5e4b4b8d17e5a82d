#pragma once
/* postconf/table_names - tables whose definition stands in main.cf: `ldap:staff` reads staff_server_host. */
#include "base/map.h"

struct table_names {
    struct map seen; /* "TYPE:NAME" */
};

/* Note the tables of such types that `value` names; a name with a slash is a file of its own. */
void table_names_collect(struct table_names *t, struct str value);
/* Is `parameter` the name of one of them, `_`, and something that its type reads? */
bool table_names_own(const struct table_names *t, struct str parameter);
void table_names_free(struct table_names *t);
