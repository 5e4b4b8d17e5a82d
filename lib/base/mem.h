#pragma once
#include "base/attr.h"

#include <stddef.h>

/* Heap memory.  Exhaustion ends the process (the program is disposable, the queue is not), so no
 * caller checks for NULL. */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull)); /* zeroed */
void *mem_resize(void *ptr, size_t size) __attribute__((returns_nonnull));
char *mem_copy_cstr(const char *s) __attribute__((malloc, returns_nonnull));
