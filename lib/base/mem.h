#pragma once
#include "base/attr.h"

#include <stddef.h>

/* Heap memory.  Exhaustion ends the process (the program is disposable, the queue is not), so no
 * caller checks for NULL. */
NORETURN void mem_exhausted(void);
/* How it ends; the default is abort(3).  The log sets it to one that tells of it first. */
void mem_set_exhausted_handler(void (*handler)(void));
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull)); /* zeroed */
void *mem_resize(void *ptr, size_t size) __attribute__((returns_nonnull));
char *mem_copy_cstr(const char *s) __attribute__((malloc, returns_nonnull));

/* The same address without `const`: for interfaces that do not change what they get but forgot to say so
 * (execve, LMDB), and for an owner that frees what it showed to others as constant. */
static inline void *mem_unconst(const void *p)
{
    union {
        const void *in;
        void *out;
    } u = { p };
    return u.out;
}
