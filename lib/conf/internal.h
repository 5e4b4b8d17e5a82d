#pragma once
/* conf/internal - what the files of this module share. */
#include "base/map.h"
#include "conf/conf.h"
#include "conf/expand.h"

/* Defaults that depend on this host or this process; their rows in the table say so in parentheses. */
NODISCARD bool conf_compute_default(struct conf *c, struct str name, unsigned depth,
                                    struct str *raw, struct buf *error);
/* conf_value() within an expansion that has reached `depth`. */
NODISCARD bool conf_try_value(struct conf *c, struct str name, unsigned depth, struct str *value,
                              struct buf *error);
/* Where strings that live as long as the conf are kept. */
struct arena *conf_arena(struct conf *c);
