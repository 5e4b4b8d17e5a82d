#include "base/log.h"
#include "base/mem.h"
#include "conf/command.h"
#include "tools/postmulti/multi.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

void export_text(const char *name, const char *value)
{
    if (setenv(name, value, 1) != 0)
        log_fatal("setenv: %m");
}

static void export_parameter(const struct instance *i, const char *name)
{
    export_text(name, conf_value(i->conf, str_from(name)).ptr);
}

void export_instance(const struct instance *i)
{
    export_text("MAIL_CONFIG", i->config_directory);
    export_parameter(i, "command_directory");
    export_parameter(i, "daemon_directory");
    export_text("config_directory", i->config_directory);
    export_text("queue_directory", i->queue_directory);
    export_text("data_directory", i->data_directory);
    export_text("multi_instance_name", i->name);
    export_text("multi_instance_group", i->group);
    export_text("multi_instance_enable", i->enabled ? "yes" : "no");
    export_text("MAIL_LOGTAG", conf_value(i->conf, STR("syslog_name")).ptr);
    command_export_log(i->conf);
}

static void put_in_path(const struct instance *i)
{
    const char *path = getenv("PATH");
    BUF_AUTO(text, 0);

    buf_add(&text, conf_value(i->conf, STR("command_directory")));
    if (path)
        buf_join(&text, STR(":"), str_from(path));
    export_text("PATH", buf_cstr(&text));
}

/* Did it end with status 0? */
static bool run(const struct instance *i, const char *const *command)
{
    pid_t pid = fork();
    int status;

    if (pid < 0)
        log_fatal("fork: %m");
    if (pid == 0) {
        export_instance(i);
        put_in_path(i);
        execvp(command[0], mem_unconst(command));
        log_fatal("execvp %s: %m", command[0]);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            log_fatal("waitpid: %m");
    return status == 0;
}

/* How a postfix(1) command goes through the instances. */
struct class
{
    bool backwards;
    bool skips_disabled;
    const char *for_disabled; /* the command that they get instead; NULL: the same */
};

static struct class class_of(const struct site *s, const char *command)
{
    const struct postmulti_params *p = &s->params;
    struct str word = str_from(command);

    if (str_has_word(p->postmulti_start_commands, word))
        return (struct class){ .for_disabled = "check" };
    if (str_has_word(p->postmulti_stop_commands, word))
        return (struct class){ .backwards = true, .skips_disabled = true };
    return (struct class){ .skips_disabled = str_has_word(p->postmulti_control_commands, word) };
}

static size_t nth(const struct site *s, size_t n, bool backwards)
{
    return backwards ? s->count - 1 - n : n;
}

static void require_some(const struct site *s, const struct request *r)
{
    for (size_t n = 0; n < s->count; n++)
        if (is_selected(r, &s->list[n]))
            return;
    log_fatal("No matching instances");
}

static const char *program_of(struct arena *a, const struct instance *i)
{
    BUF_AUTO(path, 0);

    buf_join(&path, conf_value(i->conf, STR("command_directory")), STR("/postfix"));
    return arena_cstr(a, buf_str(&path));
}

int run_postfix(const struct site *s, const struct request *r)
{
    struct class class = class_of(s, r->args[0]);
    size_t words = (size_t)r->arg_count;
    int status = 0;
    ARENA_AUTO(arena);
    const char **command = arena_alloc(&arena, (words + 3) * sizeof *command);

    require_some(s, r);
    command[1] = "--";
    for (size_t n = 0; n < s->count; n++) {
        const struct instance *i = &s->list[nth(s, n, class.backwards)];
        if (!is_selected(r, i) || (class.skips_disabled && !i->enabled))
            continue;
        /* Words that belong to `start` mean nothing to `check`. */
        bool replaced = class.for_disabled && !i->enabled;
        command[0] = program_of(&arena, i);
        command[2] = replaced ? class.for_disabled : r->args[0];
        for (size_t w = 1; w < words; w++)
            command[w + 2] = replaced ? NULL : r->args[w];
        if (!run(i, command))
            status = 1;
    }
    return status;
}

int run_command(const struct site *s, const struct request *r)
{
    int status = 0;

    require_some(s, r);
    for (size_t n = 0; n < s->count; n++) {
        const struct instance *i = &s->list[nth(s, n, r->reverse)];
        if (is_selected(r, i) && !run(i, (const char *const *)r->args))
            status = 1;
    }
    return status;
}
