/* postlog - write to the mail log from a script.
 *
 * Installed set-group-id postdrop, so that it reaches public/postlog when the log is a file. */
#include "base/log.h"
#include "base/mem.h"
#include "conf/command.h"
#include "os/logger.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

static const struct {
    const char *name;
    enum log_level level;
} priorities[] = {
    { "info", LOG_LEVEL_INFO },   { "warn", LOG_LEVEL_WARNING }, { "warning", LOG_LEVEL_WARNING },
    { "error", LOG_LEVEL_ERROR }, { "err", LOG_LEVEL_ERROR },    { "fatal", LOG_LEVEL_FATAL },
    { "crit", LOG_LEVEL_FATAL },  { "panic", LOG_LEVEL_PANIC },
};

struct options {
    const char *config_directory;
    const char *tag;
    enum log_level level;
};

static enum log_level parse_priority(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(priorities); i++)
        if (strcasecmp(priorities[i].name, name) == 0)
            return priorities[i].level;
    log_fatal("bad severity: \"%s\"", name);
}

static void parse_options(struct options *o, int argc, char **argv)
{
    int letter;

    *o = (struct options){ .level = LOG_LEVEL_INFO };
    while ((letter = getopt(argc, argv, "+c:ip:t:v")) > 0) {
        switch (letter) {
        case 'c':
            o->config_directory = optarg;
            break;
        case 'i':
            break; /* the process id is always shown */
        case 'p':
            o->level = parse_priority(optarg);
            break;
        case 't':
            o->tag = optarg;
            break;
        case 'v':
            command_more_verbose();
            break;
        default:
            log_fatal("usage: postlog [-c config_dir] [-i] [-p priority] [-t tag] [-v] [text]");
        }
    }
}

/* Unlike other commands this one has the tag of whom it speaks for.  What it logs is shown on a terminal;
 * problems are always shown, for the script that ran us. */
static void open_log(struct conf *conf, const struct options *o, struct buf *tag,
                     struct buf *socket_path)
{
    bool problem = o->level >= LOG_LEVEL_ERROR;
    struct logger_options log = { .file_fd = -1,
                                  .program = "postlog",
                                  .to_stderr = problem || isatty(STDERR_FILENO) };
    const char *file = conf_text_or_none(conf, "maillog_file");

    if (o->tag)
        buf_add_cstr(tag, o->tag);
    else
        buf_join(tag, str_from(conf_text_or_none(conf, "syslog_name")), STR("/postlog"));
    log.tag = buf_cstr(tag);
    log.hostname = conf_text_or_none(conf, "myhostname");
    log.facility = conf_text_or_none(conf, "syslog_facility");
    if (*file) {
        buf_join(socket_path, str_from(conf_text_or_none(conf, "queue_directory")), STR("/public/"),
                 str_from(conf_text_or_none(conf, "postlog_service_name")));
        log.postlog_path = buf_cstr(socket_path);
        if (getuid() == 0 && !str_starts(str_from(file), STR("/dev/")))
            log.direct_path = file;
    }
    logger_init(&log);
}

static void log_arguments(enum log_level level, char **words)
{
    BUF_AUTO(text, 0);

    for (; *words; words++)
        buf_join(&text, text.len ? STR(" ") : STR(""), str_from(*words));
    log_at(level, "%s", buf_cstr(&text));
}

static void log_stdin(enum log_level level)
{
    char *line = NULL;
    size_t room = 0;

    while (getline(&line, &room, stdin) >= 0) {
        line[strcspn(line, "\r\n")] = '\0';
        log_at(level, "%s", line);
    }
    free(line);
}

int main(int argc, char **argv)
{
    struct options o;
    BUF_AUTO(tag, 0);
    BUF_AUTO(socket_path, 0);

    command_begin("postlog", 1);
    command_distrust_caller();
    parse_options(&o, argc, argv);
    struct conf *conf = command_conf_unchecked(o.config_directory);
    open_log(conf, &o, &tag, &socket_path);
    if (optind < argc)
        log_arguments(o.level, argv + optind);
    else
        log_stdin(o.level);
    conf_close(conf);
    return 0;
}
