#include "conf/command.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "os/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TAG_ROOM 256

/* Serves the logger: a sink has no context argument. */
static struct {
    const char *program;
    const char *name_in_log;
    int fatal_status;
    bool distrusts, restricts_config, stays_out, is_tag;
    struct conf *conf; /* NULL: not read yet, so only stderr is known */
    char tag[TAG_ROOM];
} command;

NORETURN static void end_fatally(void) { exit(command.fatal_status); }

/* Of a value that cannot be had the line to be logged may tell: nothing here ends the program. */
static const char *text_of(const char *name) { return conf_text_or_none(command.conf, name); }

static void add_log_socket(struct conf *conf, struct buf *path)
{
    buf_join(path, str_from(conf_text_or_none(conf, "queue_directory")), STR("/public/"),
             str_from(conf_text_or_none(conf, "postlog_service_name")));
}

/* A command that runs before postlogd does, as root, writes the file itself. */
static void choose_maillog(struct logger_options *o, struct buf *socket_path)
{
    const char *file = text_of("maillog_file");

    if (*file == '\0')
        return;
    add_log_socket(command.conf, socket_path);
    o->postlog_path = buf_cstr(socket_path);
    if (!command.distrusts && !str_starts(str_from(file), STR("/dev/")))
        o->direct_path = file;
}

/* "postfix/postqueue"; the postfix command itself speaks for all. */
static void make_tag(void)
{
    const char *name = command.conf ? text_of("syslog_name") : "";

    if (command.is_tag)
        name = command.name_in_log;
    (void)snprintf(command.tag, sizeof command.tag, "%s", *name ? name : "postfix");
    if (!command.is_tag && strcmp(command.name_in_log, "postfix") != 0)
        (void)snprintf(command.tag + strlen(command.tag), sizeof command.tag - strlen(command.tag),
                       "/%s", command.name_in_log);
}

static void log_sink_at_first_line(enum log_level level, struct str text)
{
    static struct buf socket_path; /* the logger keeps pointers */
    struct logger_options o = { .file_fd = -1, .to_stderr = true, .program = command.program };

    make_tag();
    o.tag = command.tag;
    if (command.conf && !command.stays_out) {
        buf_clear(&socket_path);
        o.hostname = text_of("myhostname");
        o.facility = text_of("syslog_facility");
        choose_maillog(&o, &socket_path);
    } else {
        o.quiet = true;
    }
    logger_init(&o);
    log_sink()(level, text);
    if (command.conf == NULL)
        log_set_sink(log_sink_at_first_line);
}

void command_begin(const char *program, int fatal_status)
{
    command.program = command.name_in_log = program;
    command.fatal_status = fatal_status;
    log_set_fatal_handler(end_fatally);
    log_set_sink(log_sink_at_first_line);
}

void command_stay_out_of_log(void) { command.stays_out = true; }

void command_name_in_log(const char *name) { command.name_in_log = name; }

void command_log_as_itself(void) { command.is_tag = true; }

void command_set_fatal_status(int status) { command.fatal_status = status; }

/* A file opened as descriptor 2 would receive our messages. */
static void open_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

static void keep_only(const char *const *names, size_t count)
{
    char *kept[8] = { NULL };

    for (size_t i = 0; i < count; i++) {
        const char *value = getenv(names[i]);
        kept[i] = value ? mem_copy_cstr(value) : NULL;
    }
    if (clearenv() != 0)
        log_fatal("clear environment: %m");
    for (size_t i = 0; i < count; i++) {
        if (kept[i])
            (void)setenv(names[i], kept[i], 1);
        free(kept[i]);
    }
}

void command_distrust_caller(void)
{
    static const char *const names[] = { "MAIL_CONFIG", "TZ" };

    command.distrusts = command.restricts_config = true;
    open_standard_descriptors();
    keep_only(names, ARRAY_LEN(names));
}

void command_restrict_config(void) { command.restricts_config = true; }

static struct conf *open_conf(const char *dir)
{
    BUF_AUTO(error, 0);
    struct conf *conf = conf_open(dir, &error);

    if (conf == NULL)
        log_fatal(STR_FMT, STR_ARG(buf_str(&error)));
    return conf;
}

static bool list_names(struct conf *conf, const char *parameter, const char *dir)
{
    struct str list = conf_value(conf, str_from(parameter)), item;

    while (str_token(&list, ", \t\r\n", &item))
        if (str_equal(item, str_from(dir)))
            return true;
    return false;
}

/* The caller could make us read and write anywhere with our group. */
static void require_approval(const char *dir)
{
    if (strcmp(dir, COMMAND_CONF_DIR) == 0)
        return;
    struct conf *main_conf = open_conf(COMMAND_CONF_DIR);
    bool approved = list_names(main_conf, "alternate_config_directories", dir) ||
                    list_names(main_conf, "multi_instance_directories", dir);
    conf_close(main_conf);
    if (approved)
        return;
    log_error("unauthorized configuration directory name: %s", dir);
    log_fatal(
        "specify \"alternate_config_directories = %s\" or \"multi_instance_directories = %s\" in "
        "%s/main.cf",
        dir, dir, COMMAND_CONF_DIR);
}

struct conf *command_conf_unchecked(const char *dir)
{
    if (dir)
        (void)setenv("MAIL_CONFIG", dir, 1);
    else
        dir = getenv("MAIL_CONFIG");
    if (dir == NULL)
        dir = COMMAND_CONF_DIR;
    if (command.restricts_config && getuid() != 0)
        require_approval(dir);
    command.conf = open_conf(dir);
    utf8_set_printable(!str_equal_nocase(str_from(text_of("smtputf8_enable")), STR("no")));
    return command.conf;
}

struct conf *command_conf(const char *dir)
{
    struct conf *conf = command_conf_unchecked(dir);

    conf_fill_site(conf);
    return conf;
}

void command_export_log(struct conf *conf)
{
    BUF_AUTO(path, 0);

    if (*conf_text_or_none(conf, "maillog_file") == '\0')
        return;
    add_log_socket(conf, &path);
    (void)setenv("POSTLOG_SERVICE", buf_cstr(&path), 1);
    (void)setenv("POSTLOG_HOSTNAME", conf_text_or_none(conf, "myhostname"), 1);
}

void command_enter_queue(struct conf *conf)
{
    struct str dir = conf_value(conf, STR("queue_directory"));

    if (dir.len == 0 || chdir(dir.ptr) != 0)
        log_fatal("chdir " STR_FMT ": %s", STR_ARG(dir), strerror(errno));
}

void command_more_verbose(void) { log_set_verbose(log_verbose() + 1); }

const char *command_user_name(void)
{
    const struct passwd *pw = getpwuid(getuid());

    return pw ? pw->pw_name : "unknown";
}
