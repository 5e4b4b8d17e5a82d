#include "os/logger.h"

#include "os/clone.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_ROOM 6144 /* header and the longest text that base/log makes */
#define TEXT_MAX \
    2000 /* of a line of the log, besides the prefix of its level: programs that
                            read the log have buffers */
#define TAG_ROOM    256
#define HOST_ROOM   64
#define TIME_ROOM   24
#define SYSLOG_PATH "/dev/log"

enum route { ROUTE_NONE, ROUTE_FILE, ROUTE_POSTLOG, ROUTE_SYSLOG };

/* The one mutable global that the style guide allows: every function logs. */
static struct {
    struct logger_options options;
    char tag[TAG_ROOM];
    char host[HOST_ROOM];
    char when[TIME_ROOM]; /* "Nov 21 19:52:39 " for `second` */
    time_t second;
    int pid;
    int facility;
    enum route route;
    int file;   /* maillog_file: inherited, or opened by ourselves */
    int socket; /* connected to postlogd or syslog */
    bool stream;
    bool prepared; /* `socket` leads to postlogd, while lines still go to the file */
    uint32_t epoch;
    bool ready;
} logger = { .file = -1, .socket = -1 };

static const struct {
    const char *name;
    int value;
} facilities[] = {
    { "auth", LOG_AUTH },     { "authpriv", LOG_AUTHPRIV }, { "cron", LOG_CRON },
    { "daemon", LOG_DAEMON }, { "ftp", LOG_FTP },           { "kern", LOG_KERN },
    { "lpr", LOG_LPR },       { "mail", LOG_MAIL },         { "news", LOG_NEWS },
    { "security", LOG_AUTH }, { "syslog", LOG_SYSLOG },     { "user", LOG_USER },
    { "uucp", LOG_UUCP },     { "local0", LOG_LOCAL0 },     { "local1", LOG_LOCAL1 },
    { "local2", LOG_LOCAL2 }, { "local3", LOG_LOCAL3 },     { "local4", LOG_LOCAL4 },
    { "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 },     { "local7", LOG_LOCAL7 },
};

static const int priorities[] = {
    [LOG_LEVEL_DEBUG] = LOG_INFO, [LOG_LEVEL_INFO] = LOG_INFO,  [LOG_LEVEL_WARNING] = LOG_WARNING,
    [LOG_LEVEL_ERROR] = LOG_ERR,  [LOG_LEVEL_FATAL] = LOG_CRIT, [LOG_LEVEL_PANIC] = LOG_CRIT,
};

static int find_facility(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(facilities); i++)
        if (strcmp(facilities[i].name, name) == 0)
            return facilities[i].value;
    return LOG_MAIL;
}

bool logger_knows_facility(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(facilities); i++)
        if (str_equal(name, str_from(facilities[i].name)))
            return true;
    return false;
}

/* The text of a time costs more than the rest of a line, so it is made once a second. */
static const char *time_text(void)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct timespec now;
    struct tm tm;

    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec == logger.second)
        return logger.when;
    (void)localtime_r(&now.tv_sec, &tm);
    (void)snprintf(logger.when, sizeof logger.when, "%.3s %2d %02d:%02d:%02d ",
                   &months[(size_t)(tm.tm_mon % 12) * 3], tm.tm_mday % 100, tm.tm_hour % 100,
                   tm.tm_min % 100, tm.tm_sec % 100);
    logger.second = now.tv_sec;
    return logger.when;
}

static void forget_pid(void) { logger.pid = 0; }

static void forget_pid_of_clone(void *context)
{
    (void)context;
    forget_pid();
}

static int own_pid(void)
{
    if (logger.pid == 0)
        logger.pid = getpid();
    return logger.pid;
}

static void add_head(struct buf *out, const char *tag, int pid)
{
    buf_add_cstr(out, time_text());
    buf_join(out, str_from(logger.host), STR(" "), str_from(tag), STR("["));
    buf_add_int(out, pid);
    buf_add_cstr(out, "]: ");
}

/* A blocking datagram socket like syslog(3)'s: a slow log daemon slows us down, no line is lost.  One that came back
 * is found again by the socket that we have: a jail lets us make no other. */
static bool connect_local(const char *path, int type)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    if (!str_to_cstring(str_from(path), a.sun_path, sizeof a.sun_path))
        return false;
    if (logger.socket >= 0 && !logger.stream && type == SOCK_DGRAM &&
        connect(logger.socket, (struct sockaddr *)&a, sizeof a) == 0)
        return true;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return false;
    }
    fd_close(&logger.socket);
    logger.socket = fd;
    logger.stream = type == SOCK_STREAM;
    return true;
}

static bool open_syslog(void)
{
    return connect_local(SYSLOG_PATH, SOCK_DGRAM) ||
           (errno == EPROTOTYPE && connect_local(SYSLOG_PATH, SOCK_STREAM));
}

static bool open_direct(int create)
{
    const char *path = logger.options.direct_path;

    if (path == NULL)
        return false;
    logger.file = fd_open_log(path, create);
    return logger.file >= 0;
}

/* Find the way for the next lines.  maillog_file: the inherited descriptor; the file itself, for who may write it
 * (a line is there when the command ends, even while the mail system goes down); postlogd; a new file.
 * Otherwise syslog. */
static void find_route(void)
{
    logger.route = ROUTE_NONE;
    if (logger.file >= 0 || open_direct(0)) {
        logger.route = ROUTE_FILE;
    } else if (logger.options.postlog_path) {
        if (logger.prepared || connect_local(logger.options.postlog_path, SOCK_DGRAM))
            logger.route = ROUTE_POSTLOG;
        else if (open_direct(O_CREAT))
            logger.route = ROUTE_FILE;
    } else if (open_syslog()) {
        logger.route = ROUTE_SYSLOG;
    }
}

/* The inherited descriptor leads to a file that was renamed and is being compressed. */
static void notice_rotation(void)
{
    const _Atomic uint32_t *epoch = logger.options.file_epoch;

    if (epoch == NULL || logger.file < 0 ||
        atomic_load_explicit(epoch, memory_order_relaxed) == logger.epoch)
        return;
    logger.epoch = atomic_load(epoch);
    fd_close(&logger.file);
    find_route();
}

/* A jail makes no sockets, so the way for lines after a rotation is opened before. */
static void prepare_for_rotation(void)
{
    if (logger.options.file_epoch && logger.route == ROUTE_FILE && logger.options.postlog_path)
        logger.prepared = connect_local(logger.options.postlog_path, SOCK_DGRAM);
}

static bool send_socket(struct str line)
{
    return logger.socket >= 0 && send(logger.socket, line.ptr, line.len, MSG_NOSIGNAL) >= 0;
}

static bool send_line(struct buf *line)
{
    switch (logger.route) {
    case ROUTE_FILE:
        buf_addc(line, '\n');
        return write(logger.file, line->ptr, line->len) >= 0;
    case ROUTE_POSTLOG:
        return send_socket(buf_str(line));
    case ROUTE_SYSLOG:
        if (logger.stream)
            buf_addc(line, '\0');
        return send_socket(buf_str(line));
    default:
        return false;
    }
}

static void format_line(struct buf *line, enum log_level level, struct str text)
{
    if (logger.route == ROUTE_SYSLOG) {
        buf_addc(line, '<');
        buf_add_int(line, logger.facility | priorities[level]);
        buf_addc(line, '>');
        buf_join(line, str_from(time_text()), str_from(logger.tag), STR("["));
        buf_add_int(line, own_pid());
        buf_add_cstr(line, "]: ");
    } else {
        add_head(line, logger.tag, own_pid());
    }
    buf_add(line, str_sub(text, 0, log_prefix(level).len + TEXT_MAX));
}

static void write_log(enum log_level level, struct str text)
{
    char room[LINE_ROOM];

    notice_rotation();
    for (int attempt = 0; attempt < 2; attempt++) {
        struct buf line = { .ptr = room, .cap = sizeof room, .max = sizeof room - 1 };
        format_line(&line, level, text);
        if (send_line(&line))
            return;
        /* The log daemon was restarted, or the file cannot be written: look again, once. */
        if (logger.route == ROUTE_FILE && logger.options.direct_path == NULL)
            return;
        logger.prepared = false;
        find_route();
    }
}

static void write_stderr(struct str text)
{
    char room[LINE_ROOM];
    struct buf line = { .ptr = room, .cap = sizeof room, .max = sizeof room - 1 };

    buf_join(&line, str_from_null(logger.options.program), STR(": "), text, STR("\n"));
    (void)!write(STDERR_FILENO, line.ptr, line.len);
}

static void sink(enum log_level level, struct str text)
{
    int saved = errno;

    if (logger.options.to_stderr || logger.options.quiet)
        write_stderr(text);
    if (!logger.options.quiet)
        write_log(level, text);
    errno = saved;
}

/* Everything that reads a file happens here: a jail has no time zone data. */
static void copy_names(const struct logger_options *o)
{
    size_t host = strcspn(o->hostname ? o->hostname : "", ".");

    (void)snprintf(logger.tag, sizeof logger.tag, "%s", o->tag ? o->tag : "postfix");
    (void)snprintf(logger.host, sizeof logger.host, "%.*s", (int)MIN(host, sizeof logger.host - 1),
                   o->hostname ? o->hostname : "");
    logger.facility = find_facility(o->facility);
    tzset();
    logger.second = 0;
}

void logger_init(const struct logger_options *options)
{
    logger.options = *options;
    logger.file = options->file_fd;
    logger.prepared = false;
    logger.epoch = options->file_epoch ? atomic_load(options->file_epoch) : 0;
    copy_names(options);
    if (!logger.ready) {
        (void)pthread_atfork(NULL, NULL, forget_pid);
        clone_renews(forget_pid_of_clone, NULL);
    }
    logger.ready = true;
    if (!options->quiet) {
        find_route();
        prepare_for_rotation();
    }
    log_set_sink(sink);
}
