#pragma once
#include "base/str.h"

#include <stdint.h>

/* Decimal number, optional leading `-`, nothing else.  False on overflow or other bytes. */
NODISCARD bool number_parse(struct str s, int64_t *out);
/* The same within [min, max]. */
NODISCARD bool number_parse_range(struct str s, int64_t min, int64_t max, int64_t *out);
/* main.cf time: a number and an optional unit s m h d w; `unit` applies when none is written.
 * The result is in seconds. */
NODISCARD bool time_parse(struct str s, char unit, int64_t *seconds);
/* main.cf boolean: yes or no, any case. */
NODISCARD bool bool_parse(struct str s, bool *out);
