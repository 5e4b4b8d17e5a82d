#include "base/log.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdlib.h>

#define LINE_LIMIT  4096
#define REMARKS_MAX 100

static struct {
    log_sink_fn *sink;
    void (*on_fatal)(void);
    int verbose;
} logger;

static void tell_of_exhaustion(void) { log_fatal("out of memory"); }

void log_set_sink(log_sink_fn *sink)
{
    logger.sink = sink;
    mem_set_exhausted_handler(tell_of_exhaustion);
}

log_sink_fn *log_sink(void) { return logger.sink; }
void log_set_verbose(int level) { logger.verbose = level; }
int log_verbose(void) { return logger.verbose; }
void log_set_fatal_handler(NORETURN void (*handler)(void)) { logger.on_fatal = handler; }

struct str log_prefix(enum log_level level)
{
    static const char *const prefixes[] = { "", "", "warning: ", "error: ", "fatal: ", "panic: " };

    return str_from(prefixes[level]);
}

static PRINTF(2, 0) void write_line(enum log_level level, const char *fmt, va_list ap)
{
    BUF_AUTO(line, LINE_LIMIT);

    if (logger.sink == NULL)
        return;
    buf_add(&line, log_prefix(level));
    buf_vaddf(&line, fmt, ap);
    utf8_make_printable(line.ptr, line.len);
    logger.sink(level, buf_str(&line));
}

#define FORWARD(level)              \
    do {                            \
        va_list ap;                 \
        va_start(ap, fmt);          \
        write_line(level, fmt, ap); \
        va_end(ap);                 \
    } while (0)

void log_debug(const char *fmt, ...)
{
    if (logger.verbose > 0)
        FORWARD(LOG_LEVEL_DEBUG);
}

void log_info(const char *fmt, ...) { FORWARD(LOG_LEVEL_INFO); }
void log_warning(const char *fmt, ...) { FORWARD(LOG_LEVEL_WARNING); }
void log_error(const char *fmt, ...) { FORWARD(LOG_LEVEL_ERROR); }

void log_fatal(const char *fmt, ...)
{
    FORWARD(LOG_LEVEL_FATAL);
    if (logger.on_fatal)
        logger.on_fatal();
    exit(1);
}

void log_at(enum log_level level, const char *fmt, ...) { FORWARD(level); }

bool log_may_remark(unsigned *said, struct str id)
{
    if (*said == REMARKS_MAX)
        log_info(STR_FMT ": no more than %d lines about one message; the rest is not logged",
                 STR_ARG(id), REMARKS_MAX);
    if (*said <= REMARKS_MAX)
        ++*said;
    return *said <= REMARKS_MAX;
}
