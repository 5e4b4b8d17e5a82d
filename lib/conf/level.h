#pragma once
/* conf/level - compatibility levels: MAJOR[.MINOR[.PATCH]], compared number by number. */
#include "base/attr.h"
#include "base/str.h"

#include <stdint.h>

/* The level as one number that compares like the level; false if `text` is not a level. */
NODISCARD bool level_parse(struct str text, int64_t *level);
