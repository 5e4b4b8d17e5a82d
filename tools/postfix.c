/* postfix - control the mail system.  Reads main.cf and hands over to the shell scripts that do the work:
 * what they need to know is in their environment. */
#include "base/log.h"
#include "base/mem.h"
#include "conf/command.h"
#include "conf/level.h"
#include "os/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLEAN_PATH "/usr/bin:/bin:/usr/sbin:/sbin"

/* main.cf parameters that the scripts use, under their own names. */
static const char *const exported[] = {
    "command_directory",
    "daemon_directory",
    "data_directory",
    "queue_directory",
    "meta_directory",
    "shlib_directory",
    "mail_owner",
    "setgid_group",
    "process_id_directory",
    "sendmail_path",
    "newaliases_path",
    "mailq_path",
    "manpage_directory",
    "sample_directory",
    "readme_directory",
    "html_directory",
    "mail_version",
    "openssl_path",
    "maillog_file",
    "maillog_file_compressor",
    "maillog_file_rotate_suffix",
    "maillog_file_permissions",
    "multi_instance_name",
    "alias_database",
    "local_recipient_maps",
    "myorigin",
};

static const char *const absolute[] = { "command_directory", "daemon_directory", "data_directory",
                                        "queue_directory", "meta_directory" };

struct options {
    const char *config_directory;
    bool verbose, debug;
};

static void parse_options(struct options *o, int argc, char **argv)
{
    int letter;

    *o = (struct options){ 0 };
    while ((letter = getopt(argc, argv, "+c:Dv")) > 0) {
        switch (letter) {
        case 'c':
            if (*optarg != '/')
                log_fatal("-c requires absolute pathname");
            o->config_directory = optarg;
            break;
        case 'D':
            o->debug = true;
            break;
        case 'v':
            o->verbose = true;
            command_more_verbose();
            break;
        default:
            log_fatal("usage: postfix [-c config_dir] [-Dv] command");
        }
    }
}

/* A bad value must not keep anybody from stopping the mail system; who starts it is told by master(8). */
static const char *value_of(struct conf *conf, const char *name)
{
    return conf_text_or_none(conf, name);
}

static void set(const char *name, const char *value)
{
    if (setenv(name, value, 1) != 0)
        log_fatal("setenv: %s", strerror(errno));
}

static void check_directories(struct conf *conf)
{
    for (size_t i = 0; i < ARRAY_LEN(absolute); i++) {
        struct str path = conf_value(conf, str_from(absolute[i]));
        if (!str_starts(path, STR("/")))
            log_fatal("parameter %s: \"" STR_FMT "\" is not an absolute path name", absolute[i],
                      STR_ARG(path));
    }
}

static bool level_is_below(struct conf *conf, const char *level)
{
    int64_t have, wanted;

    return level_parse(str_from(value_of(conf, "compatibility_level")), &have) &&
           level_parse(str_from(level), &wanted) && have < wanted;
}

/* Old defaults are in force; the scripts tell which level is without them. */
static void export_level(struct conf *conf)
{
    set("new_level", level_is_below(conf, CONF_LEVEL_NOW) ? CONF_LEVEL_NOW : "");
    set("chroot_default", level_is_below(conf, "1") ? "y" : "n");
}

/* Files that instances share are looked at and changed with the primary one. */
static void export_rank(struct conf *conf)
{
    BUF_AUTO(error, 0);
    struct conf *primary = NULL;
    bool is_secondary = false;

    if (strcmp(conf_directory(conf), COMMAND_CONF_DIR) != 0)
        primary = conf_open(COMMAND_CONF_DIR, &error);
    if (primary) {
        struct str list = str_from(value_of(primary, "multi_instance_directories"));
        is_secondary = str_has_word(list, str_from(conf_directory(conf)));
        conf_close(primary);
    }
    set("is_secondary", is_secondary ? "yes" : "");
}

static void export_parameters(struct conf *conf, const struct options *o)
{
    for (size_t i = 0; i < ARRAY_LEN(exported); i++)
        set(exported[i], value_of(conf, exported[i]));
    export_level(conf);
    export_rank(conf);
    set("config_directory", conf_directory(conf));
    set("MAIL_CONFIG", conf_directory(conf));
    set("MAIL_LOGTAG", *value_of(conf, "syslog_name") ? value_of(conf, "syslog_name") : "postfix");
    command_export_log(conf);
    set("PATH", CLEAN_PATH);
    if (o->verbose)
        set("MAIL_VERBOSE", "1");
    if (o->debug)
        set("MAIL_DEBUG", "1");
}

static bool names_instances(struct conf *conf)
{
    return *value_of(conf, "multi_instance_directories") != '\0';
}

/* Several instances: without a word which one is meant, the command goes to all of them. */
static NORETURN void run_wrapper(struct conf *conf, int argc, char **argv)
{
    struct str wrapper = str_from(value_of(conf, "multi_instance_wrapper")), word;
    ARENA_AUTO(arena);
    const char **command =
        arena_alloc(&arena, (wrapper.len / 2 + (size_t)argc + 2) * sizeof *command);
    size_t n = 0;

    while (str_token(&wrapper, ", \t\r\n", &word))
        command[n++] = arena_cstr(&arena, word);
    if (n == 0)
        log_fatal("multi-instance support is requested, but multi_instance_wrapper is empty");
    /* Who is started by init(8) or in a container stays there, and there is one of it. */
    if (argc > 0 && strcmp(argv[0], "start-fg") == 0)
        log_fatal("start-fg does not support multi_instance_directories");
    memcpy(command + n, argv, (size_t)argc * sizeof *command);
    execvp(command[0], mem_unconst(command));
    log_fatal("%s: %s", command[0], strerror(errno));
}

/* Whoever can read the configuration may ask what it means. */
static NORETURN void run_explain(struct conf *conf, char **argv)
{
    BUF_AUTO(path, 0);

    buf_join(&path, str_from(value_of(conf, "command_directory")), STR("/postfix-explain"));
    execv(buf_cstr(&path), argv);
    log_fatal("%s: %s", buf_cstr(&path), strerror(errno));
}

static NORETURN void run_script(struct conf *conf, char **argv)
{
    BUF_AUTO(path, 0);

    buf_join(&path, str_from(value_of(conf, "daemon_directory")), STR("/postfix-script"));
    argv[-1] = mem_unconst(buf_cstr(&path));
    execv(buf_cstr(&path), argv - 1);
    log_fatal("%s: %s", buf_cstr(&path), strerror(errno));
}

int main(int argc, char **argv)
{
    struct options o;
    bool one_instance = getenv("MAIL_CONFIG") != NULL;

    command_begin("postfix", 1);
    (void)umask(022);
    parse_options(&o, argc, argv);
    if (optind < argc && strcmp(argv[optind], "explain") == 0)
        run_explain(command_conf_unchecked(o.config_directory), argv + optind);
    if (getuid() != 0) {
        log_error("to submit mail, use the Postfix sendmail command");
        log_fatal("the postfix command is reserved for the superuser");
    }
    struct conf *conf = command_conf_unchecked(o.config_directory);
    check_directories(conf);
    export_parameters(conf, &o);
    if (!one_instance && o.config_directory == NULL && names_instances(conf))
        run_wrapper(conf, argc - optind, argv + optind);
    run_script(conf, argv + optind);
}
