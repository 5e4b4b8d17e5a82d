#pragma once
/* The parameter whose name is nearly this one: a letter more, less or other, or two that changed places. */
#include "base/str.h"

/* NULL: none is near enough to be meant, or several are as near. */
const char *nearest_parameter(struct str name);
