#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void (*on_exhaustion)(void);

void mem_set_exhausted_handler(void (*handler)(void)) { on_exhaustion = handler; }

void mem_exhausted(void)
{
    void (*handler)(void) = on_exhaustion;

    on_exhaustion = NULL; /* it may need memory itself, and there is still none */
    if (handler)
        handler();
    abort();
}

static void *checked(void *ptr)
{
    if (ptr == NULL)
        mem_exhausted();
    return ptr;
}

void *mem_alloc(size_t size) { return checked(calloc(1, size ? size : 1)); }

void *mem_resize(void *ptr, size_t size) { return checked(realloc(ptr, size ? size : 1)); }

char *mem_copy_cstr(const char *s) { return checked(strdup(s)); }
