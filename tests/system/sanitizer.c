/* sanitizer - where the reports of AddressSanitizer and UndefinedBehaviorSanitizer go in the system tests.
 *
 * Linked into every program of a build with RELEVO_SANITIZE.  A daemon has no standard error, and in its jail it can
 * open no file, start no symbolizer and look at no other process.  So where the tests' harness has put a file for
 * reports, each program opens it before it does anything else, and keeps to what a jail allows; harness.py makes the
 * addresses readable and fails the test.  Elsewhere, as in unit tests, nothing is changed. */
#include <errno.h>
#include <fcntl.h>
#include <sanitizer/common_interface_defs.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define REPORTS "/var/log/sanitizer.log"
enum { HIGH_FD = 500 }; /* out of the way of those that master(8) numbers */

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

static bool is_wanted(void) { return access(REPORTS, F_OK) == 0; }

const char *__asan_default_options(void)
{
    return is_wanted()
               ? "detect_leaks=0:symbolize=0:allow_addr2line=0:color=never:quarantine_size_mb=8"
               : "";
}

const char *__ubsan_default_options(void)
{
    return is_wanted() ? "print_stacktrace=1:symbolize=0:color=never" : "";
}

/* master(8) closes what it inherits, but nothing confines it. */
static bool closes_files(void) { return strcmp(program_invocation_short_name, "master") == 0; }

__attribute__((constructor)) static void send_reports(void)
{
    if (!is_wanted())
        return;
    if (closes_files()) {
        __sanitizer_set_report_path(REPORTS);
        return;
    }
    int low = open(REPORTS, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (low < 0)
        return;
    int high = fcntl(low, F_DUPFD_CLOEXEC, HIGH_FD);
    (void)close(low);
    if (high >= 0)
        __sanitizer_set_report_fd(
            (void *)(intptr_t)high); // NOLINT(performance-no-int-to-ptr): its interface
}
