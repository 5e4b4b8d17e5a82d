#pragma once
#include "base/attr.h"
#include "base/str.h"

/* The log, as mail.log shows it.  Where lines go is decided once by os/logger (syslog, maillog_file,
 * stderr); without a sink they are dropped, which is what unit tests and fuzzers want.
 *
 * Text prefixes are added here: "warning: ", "error: ", "fatal: ", "panic: ".  What is not
 * printable becomes '?' (base/utf8). */
enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_FATAL,
    LOG_LEVEL_PANIC
};

/* The prefix of that level. */
struct str log_prefix(enum log_level level);

typedef void log_sink_fn(enum log_level level, struct str text);

void log_set_sink(log_sink_fn *sink);
log_sink_fn *log_sink(void); /* the one in force, to put another in front of it */
/* -v count; log_debug() speaks when it is above 0. */
void log_set_verbose(int level);
int log_verbose(void);
/* Lines about one message that it can cause again and again: true for the first hundred.  Then
 * the log says once, with the message's `id`, that the rest is left out.  `*said` is 0 at first. */
bool log_may_remark(unsigned *said, struct str id);
/* Called by log_fatal before the process ends; the default exits with status 1. */
void log_set_fatal_handler(NORETURN void (*handler)(void));

void log_debug(const char *fmt, ...) PRINTF(1, 2);
void log_info(const char *fmt, ...) PRINTF(1, 2);
void log_warning(const char *fmt, ...) PRINTF(1, 2);
void log_error(const char *fmt, ...) PRINTF(1, 2);
/* Any level, and the process goes on: for postlog(1), which logs what others say. */
void log_at(enum log_level level, const char *fmt, ...) PRINTF(2, 3);
/* The system or its configuration is at fault: the process ends, master(8) tries again later. */
NORETURN void log_fatal(const char *fmt, ...) PRINTF(1, 2);
