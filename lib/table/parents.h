#pragma once
/* table/parents - the domains above a name, under which tables and lists may have it. */
#include "base/str.h"

/* A longer text is no name of a host or domain, and no table has it piece by piece.  Without an end the work would
 * grow with the square of what a stranger sends. */
#define PARENTS_NAME_MAX 512

struct parents {
    struct str rest;
    bool dotted; /* `.parent`, else `parent` */
};

static inline struct parents parents_of(struct str name, bool dotted)
{
    return (struct parents){ name.len > PARENTS_NAME_MAX ? STR_NONE : name, dotted };
}

/* The next one above; false at the end.  A name that begins with a dot is not its own parent. */
static inline bool parents_next(struct parents *p, struct str *parent)
{
    size_t dot = str_find(str_skip(p->rest, 1), '.');

    if (dot == STR_NOT_FOUND)
        return false;
    p->rest = str_skip(p->rest, dot + 1);
    *parent = p->dotted ? p->rest : str_skip(p->rest, 1);
    return true;
}
