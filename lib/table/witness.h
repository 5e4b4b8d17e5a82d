#pragma once
/* table/witness - who is told which table decided: for the program that explains what the others do.  A daemon has
 * none, and a look-up costs it nothing. */
#include "table/table.h"

/* A look-up that found something, or failed. */
struct table_testimony {
    const char *parameter; /* of the list that was asked */
    struct str
        table; /* "hash:/etc/aliases"; of a list of names and networks the element as written */
    struct str key;           /* as it was found; empty where an element matches by itself */
    struct str value;         /* absent where only the key counts */
    enum table_result result; /* TABLE_FOUND or TABLE_ERROR */
    bool negated;             /* the element stands behind a `!` */
};

/* NULL: nobody.  The strings live as long as the call. */
typedef void table_witness_fn(void *context, const struct table_testimony *seen);
void table_set_witness(table_witness_fn *fn, void *context);
/* For the lists of this module. */
void table_testify(const struct table_testimony *seen);
