#pragma once
/* tools/postmap/as_owner - root works on other people's files in their name only. */
#include <stdbool.h>
#include <sys/stat.h>

/* Does `work(context)` and returns its result: for root and a file of somebody else in a process that is its
 * owner for good, so that neither what the file says nor what its owner does to names meanwhile is met with
 * root's rights.  When work() ends there, so do we. */
bool as_owner(const struct stat *file, const char *name, bool (*work)(void *context),
              void *context);
