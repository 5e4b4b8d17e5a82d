#include "base/mem.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static void *checked(void *ptr)
{
    if (ptr == NULL)
        log_fatal("out of memory");
    return ptr;
}

void *mem_alloc(size_t size) { return checked(calloc(1, size ? size : 1)); }

void *mem_resize(void *ptr, size_t size) { return checked(realloc(ptr, size ? size : 1)); }

char *mem_copy_cstr(const char *s) { return checked(strdup(s)); }
