/* Is the configuration on disk good enough to replace the one we run with?
 *
 * Reading a bad file ends the process that reads it, so a child does that; a slip in an editor must not take the mail
 * system down.  It tells the line it was at when it ended in shared memory. */
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "master/master.h"
#include "os/fd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_S 10

struct place {
    unsigned line; /* of main.cf; 0: none in particular */
    char name[100];
};

static const struct param_set *const sets[] = {
#define ROW(name) &name##_param_set,
    PARAM_SETS(ROW)
#undef ROW
};

static struct conf *open_main(void)
{
    const char *dir = getenv("MAIL_CONFIG");
    BUF_AUTO(error, 1024);
    struct conf *conf = conf_open(dir ? dir : "/etc/postfix", &error);

    if (conf == NULL)
        log_fatal("%s", buf_cstr(&error));
    return conf;
}

static void count_setting(void *context, struct str name, struct str value)
{
    (void)name;
    (void)value;
    ++*(size_t *)context;
}

/* The value of one parameter, as the daemons will read it. */
static void check_value(struct conf *conf, const struct param_set *set, const struct param *p)
{
    const struct param_set alone = { set->name, p, 1, set->size };
    void *scratch = mem_alloc(set->size);

    conf_fill(conf, &alone, scratch);
    free(scratch);
}

static void note_place(struct place *at, unsigned line, const char *name)
{
    at->line = line;
    (void)snprintf(at->name, sizeof at->name, "%s", name);
}

/* Without it no program can be started. */
static void check_directory(struct conf *conf, struct place *at, const char *name)
{
    struct str path = conf_value(conf, str_from(name));
    struct stat st;
    BUF_AUTO(text, 0);

    note_place(at, conf_line_of(conf, str_from(name)), name);
    buf_add(&text, path);
    if (stat(buf_cstr(&text), &st) != 0)
        log_fatal("directory %s: %s", buf_cstr(&text), strerror(errno));
    if (!S_ISDIR(st.st_mode))
        log_fatal("directory %s: %s", buf_cstr(&text), strerror(ENOTDIR));
}

/* Every setting, whoever reads it: a daemon that cannot be started is no better than a master that cannot. */
static void check_main(struct place *at)
{
    struct conf *conf = open_main();
    size_t settings = 0;

    conf_each_setting(conf, count_setting, &settings);
    if (settings == 0)
        log_fatal("%s/main.cf: nothing is set there", conf_directory(conf));
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        for (size_t j = 0; j < sets[i]->count; j++) {
            const struct param *p = &sets[i]->params[j];
            unsigned line = conf_line_of(conf, str_from(param_name(p)));
            if (line == 0)
                continue;
            note_place(at, line, param_name(p));
            check_value(conf, sets[i], p);
        }
    check_directory(conf, at, "queue_directory");
    check_directory(conf, at, "daemon_directory");
    at->line = 0;
    conf_close(conf);
}

static NORETURN void check_all(struct master *m, struct place *at)
{
    size_t count;

    check_main(at);
    config_read_main(m);
    (void)config_read_services(m, &count);
    if (count == 0)
        log_fatal("%s/master.cf: there is no service in it", conf_directory(m->conf));
    _exit(0);
}

/* The end of the child.  It is not waited for without end: what it reads may be on a disk that does not answer, and while
 * we wait nobody starts the programs that others ask for. */
static bool ends_well(pid_t pid)
{
    FD_AUTO(fd, (int)syscall(SYS_pidfd_open, pid, 0));
    int raw = 0;

    if (fd >= 0 && fd_wait(fd, POLLIN, deadline_in(PATIENCE_S)) == IO_TIMEOUT) {
        log_error("%d seconds were not enough to read the configuration", PATIENCE_S);
        (void)kill(pid, SIGKILL);
    }
    while (waitpid(pid, &raw, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(raw) && WEXITSTATUS(raw) == 0;
}

bool check_configuration(struct master *m)
{
    struct place *at =
        mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        return false;
    pid_t pid = fork();
    if (pid == 0)
        check_all(m, at);
    bool good = pid < 0 || ends_well(pid);
    if (!good && at->line)
        log_error("%s/main.cf, line %u: this value of %s cannot be used", conf_directory(m->conf),
                  at->line, at->name);
    (void)munmap(at, sizeof *at);
    return good;
}
