/* postfix - control the mail system.  Reads main.cf and hands over to the shell scripts that do the work:
 * what they need to know is in their environment. */
#include "base/log.h"
#include "base/mem.h"
#include "conf/command.h"
#include "conf/level.h"
#include "os/fd.h"

#include <errno.h>
#include <stdlib.h>
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

static void export_parameters(struct conf *conf, const struct options *o)
{
    for (size_t i = 0; i < ARRAY_LEN(exported); i++)
        set(exported[i], value_of(conf, exported[i]));
    export_level(conf);
    set("config_directory", conf_directory(conf));
    set("MAIL_CONFIG", conf_directory(conf));
    set("MAIL_LOGTAG", *value_of(conf, "syslog_name") ? value_of(conf, "syslog_name") : "postfix");
    set("PATH", CLEAN_PATH);
    if (o->verbose)
        set("MAIL_VERBOSE", "1");
    if (o->debug)
        set("MAIL_DEBUG", "1");
}

/* Several instances: without a word which one is meant, the command goes to all of them. */
static void run_wrapper(struct conf *conf, int argc, char **argv)
{
    struct str rest = str_from(value_of(conf, "multi_instance_wrapper")), word;
    const char *command[64];
    size_t n = 0;
    ARENA_AUTO(arena);

    if (rest.len == 0 || *value_of(conf, "multi_instance_directories") == '\0')
        return;
    while (n < 16 && str_token(&rest, " \t\r\n", &word))
        command[n++] = arena_cstr(&arena, word);
    if (n == 0)
        return;
    for (int i = 0; i < argc && n < ARRAY_LEN(command) - 1; i++)
        command[n++] = argv[i];
    command[n] = NULL;
    execvp(command[0], mem_unconst(command));
    log_fatal("%s: %s", command[0], strerror(errno));
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
    if (getuid() != 0)
        log_fatal("to submit mail, use the sendmail command; the postfix command is reserved for "
                  "the superuser");
    struct conf *conf = command_conf_unchecked(o.config_directory);
    check_directories(conf);
    export_parameters(conf, &o);
    if (!one_instance && o.config_directory == NULL)
        run_wrapper(conf, argc - optind, argv + optind);
    run_script(conf, argv + optind);
}
