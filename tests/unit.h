#pragma once
/* cmocka.h, behind the headers that it needs but does not include; and what a build with sanitizers is told. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* What a process opens before its jail is never closed: no leaks, in a build that looks for them. */
__attribute__((weak)) void __lsan_disable(void);
__attribute__((weak)) void __lsan_enable(void);

static inline void unit_may_leak(_Bool it_may)
{
    if (__lsan_disable && __lsan_enable)
        (it_may ? __lsan_disable : __lsan_enable)();
}
