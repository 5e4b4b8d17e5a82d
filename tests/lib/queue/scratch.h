#pragma once
/* A queue directory of our own: made under /tmp, current while the test runs, removed at the end. */
#include "unit.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_path[64];

static inline int scratch_enter(void **state)
{
    (void)state;
    snprintf(scratch_path, sizeof scratch_path, "/tmp/relevo-queue-XXXXXX");
    if (mkdtemp(scratch_path) == NULL || chdir(scratch_path) != 0)
        return -1;
    const char *const queues[] = { "incoming", "active", "deferred", "hold",
                                   "spare",    "public", "private" };
    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++)
        if (mkdir(queues[i], 0700) != 0)
            return -1;
    return 0;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int kind,
                                     struct FTW *w)
{
    (void)st, (void)kind, (void)w;
    return remove(path);
}

static inline int scratch_leave(void **state)
{
    (void)state;
    return chdir("/") || nftw(scratch_path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#define SCRATCH_TEST(fn) cmocka_unit_test_setup_teardown(fn, scratch_enter, scratch_leave)
#define assert_str_equal(a, text)                                            \
    do {                                                                     \
        struct str got_ = (a), want_ = str_from(text);                       \
        assert_int_equal(got_.len, want_.len);                               \
        assert_memory_equal(got_.len ? got_.ptr : "", want_.ptr, want_.len); \
    } while (0)
