/* spawn - run a command for each connection, with the connection as its stdin, stdout and stderr.
 *
 * Runs as:   root, only to become the user that master.cf names
 * Trusts:    main.cf, master.cf
 * Distrusts: the client, whose bytes only the command reads */
#include "os/spawn.h"

#include "base/log.h"
#include "delivery/command.h"
#include "delivery/owner_arg.h"

static struct {
    struct owner_arg owner;
    const char *const *argv;
    int time_limit_s;
} settings;

static const struct owner_arg_words owner_words = {
    .unknown_user = "unknown user name",
    .unknown_group = "unknown group name",
    .root = "request to deliver as root",
    .mail_owner = "request to deliver as mail system owner",
};

static bool take_attribute(const char *arg, char **rest)
{
    struct str text = str_from(arg);

    if (str_skip_prefix(&text, STR("user="))) {
        settings.owner = owner_arg_parse(text, &owner_words);
        return true;
    }
    if (!str_starts(text, STR("argv=")))
        return false;
    rest[0] += sizeof "argv=" - 1;
    settings.argv = (const char *const *)rest;
    return true;
}

/* With the first client, who is sent away when there is a slip in master.cf.  A process that ended before would leave
 * it waiting in the socket's queue. */
static void read_settings(struct service *svc)
{
    char **argv = service_argv(svc);

    for (int i = 0; i < service_argc(svc) && settings.argv == NULL; i++)
        if (!take_attribute(argv[i], argv + i))
            log_fatal("unknown attribute name: %s", argv[i]);
    if (!settings.owner.given)
        log_fatal("missing user= attribute");
    if (settings.argv == NULL || settings.argv[0] == NULL || settings.argv[0][0] == '\0')
        log_fatal("missing argv= attribute");
    settings.time_limit_s = (int)conf_service_time(service_conf(svc), service_name(svc),
                                                   "_time_limit", "command_time_limit");
}

static void log_end(enum spawn_result result, int status)
{
    const char *command = settings.argv[0];

    if (result >= SPAWN_NO_ROOT) {
        log_at(LOG_LEVEL_FATAL, "spawn_comand: execvp %s: %m", command); /* sic */
        log_warning("command %s exit status 1", command);
    } else if (result == SPAWN_TIMEOUT) {
        log_warning("%s: command time limit exceeded", command);
    } else if (result == SPAWN_SIGNALED) {
        log_warning("command %s killed by signal %d", command, status);
    } else if (status != 0) {
        log_warning("command %s exit status %d", command, status);
    }
}

static void serve(struct service *svc, int fd)
{
    ARENA_AUTO(arena);
    struct command_env env;
    int status = 0;

    if (settings.argv == NULL)
        read_settings(svc);
    command_env_init(&env, &arena);
    command_env_add_exported(&env);
    struct spawn_request r = {
        .argv = settings.argv,
        .envp = env.vars,
        .uid = settings.owner.uid,
        .gid = settings.owner.gid,
        .stdin_fd = fd,
        .time_limit_s = settings.time_limit_s,
        .session = true,
    };
    fd_set_nonblocking(fd, false);
    enum spawn_result result = spawn_run(&r, &status, NULL);
    log_end(result, status);
}

static const struct service_spec spawn = {
    .name = "spawn",
    .kind = SERVICE_SINGLE,
    .sandbox = SANDBOX_COMMANDS,
    .needs_root = true,
    .process_limit = -1,
    .serves_others = true,
    .serve = serve,
};

int main(int argc, char **argv) { service_main(&spawn, argc, argv); }
