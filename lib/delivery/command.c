#include "delivery/command.h"

#include "base/log.h"
#include "base/utf8.h"
#include "text/dsn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/bin:/bin"

void command_env_init(struct command_env *env, struct arena *a)
{
    *env = (struct command_env){ .arena = a, .room = 32 };
    env->vars = arena_alloc(a, env->room * sizeof *env->vars);
}

static void add_var(struct command_env *env, const char *var)
{
    if (env->count + 1 == env->room) {
        const char **larger = arena_alloc(env->arena, 2 * env->room * sizeof *larger);
        memcpy(larger, env->vars, env->count * sizeof *larger);
        env->vars = larger;
        env->room *= 2;
    }
    env->vars[env->count++] = var;
}

void command_env_add(struct command_env *env, const char *name, struct str value)
{
    BUF_AUTO(var, 0);

    if (value.ptr == NULL)
        return;
    buf_join(&var, str_from(name), STR("="), value);
    add_var(env, arena_cstr(env->arena, buf_str(&var)));
}

void command_env_add_exported(struct command_env *env)
{
    struct str list = site_conf.export_environment, word;

    while (str_token_braced(&list, ", \t\r\n", &word, NULL)) {
        struct str value = word;
        struct str name = str_trim(str_cut(&value, '='));
        const char *name_cstr = arena_cstr(env->arena, name);
        if (str_has(word, '='))
            command_env_add(env, name_cstr, str_trim(value));
        else
            command_env_add(env, name_cstr, str_from_null(getenv(name_cstr)));
    }
    command_env_add(env, "PATH", STR(DEFAULT_PATH));
}

static const struct {
    int status;
    const char *dsn, *text;
} sysexits[] = {
    { EX_USAGE, "5.3.0", "command line usage error" },
    { EX_DATAERR, "5.6.0", "data format error" },
    { EX_NOINPUT, "5.3.0", "cannot open input" },
    { EX_NOUSER, "5.1.1", "user unknown" },
    { EX_NOHOST, "5.1.2", "host name unknown" },
    { EX_UNAVAILABLE, "5.3.0", "service unavailable" },
    { EX_SOFTWARE, "5.3.0", "internal software error" },
    { EX_OSERR, "4.3.0", "system resource problem" },
    { EX_OSFILE, "5.3.0", "critical OS file missing" },
    { EX_CANTCREAT, "5.2.0", "can't create user output file" },
    { EX_IOERR, "5.3.0", "input/output error" },
    { EX_TEMPFAIL, "4.3.0", "temporary failure" },
    { EX_PROTOCOL, "5.5.0", "remote error in protocol" },
    { EX_NOPERM, "5.7.0", "permission denied" },
    { EX_CONFIG, "5.3.5", "local configuration error" },
};

static enum outcome_status status_of(const char *dsn)
{
    return dsn[0] == '2' ? OUTCOME_SENT : dsn[0] == '4' ? OUTCOME_DEFERRED : OUTCOME_BOUNCED;
}

static void failed(struct outcome *o, struct arena *a, const char *dsn, const char *what,
                   const char *text, struct str output)
{
    BUF_AUTO(all, (size_t)2 * COMMAND_OUTPUT_MAX);

    buf_add_cstr(&all, what);
    if (text)
        buf_join(&all, STR(": \""), str_from(text), STR("\""));
    if (output.len)
        buf_join(&all, STR(". Command output: "), output);
    outcome_make(o, a, status_of(dsn), dsn, "%s", buf_cstr(&all));
    o->diag_type = STR("x-unix");
    o->diag_text = output.len ? arena_str(a, output) : arena_str(a, str_from(what));
}

/* The output began with a status code: its text is all there is to say. */
static void said_itself(struct outcome *o, struct arena *a, struct str output)
{
    struct dsn_split split = dsn_status_split(output, STR("5.3.0"));
    const char *dsn = arena_cstr(a, split.status);

    outcome_make(o, a, status_of(dsn), dsn, STR_FMT, STR_ARG(split.text));
    o->diag_type = STR("x-unix");
    o->diag_text = arena_str(a, split.text);
}

static void exited(struct outcome *o, struct arena *a, const struct command_end *end,
                   const char *text)
{
    char what[64];
    size_t row = 0;

    if (dsn_status_length(end->output) && end->output.ptr[0] != '2') {
        said_itself(o, a, end->output);
        return;
    }
    while (row < ARRAY_LEN(sysexits) && sysexits[row].status != end->status)
        row++;
    const char *dsn = row < ARRAY_LEN(sysexits) ? sysexits[row].dsn : "5.3.0";
    if (row < ARRAY_LEN(sysexits)) {
        failed(o, a, dsn, sysexits[row].text, NULL, end->output);
        return;
    }
    (void)snprintf(what, sizeof what, "Command died with status %d", end->status);
    failed(o, a, dsn, what, text, end->output);
    if (end->output.len == 0) {
        (void)snprintf(what, sizeof what, "unknown mail system error %d", end->status);
        o->diag_text = arena_str(a, str_from(what));
    }
}

void command_outcome(struct outcome *o, struct arena *a, const struct command_end *end,
                     const char *text)
{
    char what[64];

    switch (end->result) {
    case SPAWN_EXITED:
        if (end->status != 0)
            exited(o, a, end, text);
        else
            outcome_make(o, a, OUTCOME_SENT, "2.0.0", "%s", "");
        break;
    case SPAWN_SIGNALED:
        (void)snprintf(what, sizeof what, "Command died with signal %d", end->status);
        failed(o, a, "4.3.0", what, text, end->output);
        break;
    case SPAWN_TIMEOUT:
        failed(o, a, "5.3.0", "Command time limit exceeded", text, end->output);
        if (end->output.len == 0)
            o->diag_text =
                STR("internal software error"); /* EX_SOFTWARE, as in Postfix's reports */
        break;
    case SPAWN_NO_ROOT:
    case SPAWN_NO_DIRECTORY:
        outcome_make(o, a, OUTCOME_DEFERRED, "4.3.0", "%s", "temporary failure");
        break;
    case SPAWN_FAILED:
        /* As if a helper had said so and ended with EX_TEMPFAIL. */
        outcome_make(o, a, OUTCOME_DEFERRED, "4.3.0", "temporary failure. Command output: " STR_FMT,
                     STR_ARG(end->output));
        break;
    }
}

/* Plain words only: then the first one is the program and no shell is needed. */
bool command_needs_shell(struct str text)
{
    static const char plain[] = " \t+-_./:@,%^";
    bool in_first_word = true;

    text = str_trim(text);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == ' ' || c == '\t')
            in_first_word = false;
        if (!char_is_alnum(c) && c && !strchr(plain, c) && !(c == '=' && !in_first_word))
            return true;
    }
    return text.len == 0;
}

static const char **split_words(struct arena *a, struct str text, size_t extra)
{
    size_t count = 0;
    struct str word, rest = text;

    while (str_token(&rest, " \t", &word))
        count++;
    const char **argv = arena_alloc(a, (count + extra + 1) * sizeof *argv);
    for (size_t i = 0; str_token(&text, " \t", &word); i++)
        argv[i] = arena_cstr(a, word);
    return argv;
}

/* Found along the path that the command will have?  What is no program may still be a word of the
 * shell. */
static bool is_program(struct arena *a, const char *name)
{
    struct str path = STR(DEFAULT_PATH), dir;

    if (strchr(name, '/'))
        return true;
    while (str_token(&path, ":", &dir)) {
        BUF_AUTO(full, 0);
        buf_join(&full, dir, STR("/"), str_from(name));
        if (access(arena_cstr(a, buf_str(&full)), X_OK) == 0)
            return true;
    }
    return false;
}

static void choose_program(struct spawn_request *r, const struct command *c, struct arena *a)
{
    if (c->argv) {
        r->argv = c->argv;
    } else if (c->shell.len) {
        const char **argv = split_words(a, c->shell, 1);
        size_t n = 0;
        while (argv[n])
            n++;
        argv[n] = c->text;
        r->argv = argv;
    } else if (!command_needs_shell(str_from(c->text))) {
        const char **argv = split_words(a, str_from(c->text), 0);
        if (is_program(a, argv[0]))
            r->argv = argv;
    }
    if (r->argv == NULL)
        r->shell_command = c->text;
}

/* The command reads a file in memory: it may stop reading where it likes, and nobody waits for
 * anybody.  No quota counts such a file, so nothing may be added to it. */
static int message_as_file(struct delivery *d, const struct copy_plan *plan, struct outcome *o)
{
    int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    enum copy_result result = fd < 0 ? COPY_WRITE : copy_message(d, plan, fd);

    if (result == COPY_OK && lseek(fd, 0, SEEK_SET) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
        return fd;
    outcome_make(o, &d->arena, OUTCOME_DEFERRED, "4.3.0", "Delivery failed: %s",
                 result == COPY_CORRUPT ? "queue file is damaged" : strerror(errno));
    fd_close(&fd);
    return -1;
}

/* The limit is inherited by the command; ours comes back afterwards, since the log may be larger.
 */
static enum spawn_result run_limited(const struct command *c, const struct spawn_request *r,
                                     int *status, struct buf *output)
{
    struct rlimit old;
    bool limited = c->size_limit > 0 && getrlimit(RLIMIT_FSIZE, &old) == 0;

    if (limited) {
        struct rlimit now = { .rlim_cur = MIN((rlim_t)c->size_limit, old.rlim_max),
                              .rlim_max = old.rlim_max };
        (void)setrlimit(RLIMIT_FSIZE, &now);
    }
    enum spawn_result result = spawn_run(r, status, output);
    int error = errno;
    if (limited)
        (void)setrlimit(RLIMIT_FSIZE, &old);
    errno = error;
    return result;
}

void command_output_line(struct buf *output)
{
    size_t length = MIN(str_find(buf_str(output), '\0'), output->len);
    struct str rest = str_sub(buf_str(output), 0, length);
    uint32_t rune;

    buf_truncate(output, length);
    while (rest.len) {
        char *at = output->ptr + (length - rest.len);
        if (!utf8_next(&rest, &rune)) {
            rest = str_skip(rest, 1);
            *at = '_';
        } else if (*at == '\n' || *at == '\t') {
            *at = ' ';
        } else if ((unsigned char)*at < ' ' || *at == 0x7f) {
            *at = '_';
        }
    }
}

/* The command did not begin.  A helper process would have said why, to the log and to its output. */
static void log_trouble(const struct command *c, const struct spawn_request *r,
                        enum spawn_result result, struct buf *output)
{
    const char *program = r->shell_command ? "/bin/sh" : r->argv[0];
    const char *what = c->argv ? "pipe_command: " : "";

    switch (result) {
    case SPAWN_NO_ROOT:
        log_at(LOG_LEVEL_FATAL, "chroot(%s): %m", r->chroot);
        break;
    case SPAWN_NO_DIRECTORY:
        log_at(LOG_LEVEL_FATAL, "cannot change directory to \"%s\" for uid=%lu gid=%lu: %m",
               r->directory, (unsigned long)r->uid, (unsigned long)r->gid);
        break;
    case SPAWN_FAILED:
        log_at(LOG_LEVEL_FATAL, "%sexecvp %s: %m", what, program);
        buf_addf(output, "%s: fatal: %sexecvp %s: %m ", c->agent, what, program);
        break;
    default:
        break;
    }
}

void command_deliver(struct delivery *d, const struct command *c, const struct copy_plan *plan,
                     struct outcome *o, struct buf *output)
{
    struct spawn_request r = {
        .envp = c->env->vars,
        .directory = c->directory,
        .chroot = c->chroot,
        .uid = c->uid,
        .gid = c->gid,
        .time_limit_s = c->time_limit_s,
    };
    FD_AUTO(fd, message_as_file(d, plan, o));

    if (fd < 0)
        return;
    r.stdin_fd = fd;
    choose_program(&r, c, &d->arena);
    int status = 0;
    enum spawn_result result = run_limited(c, &r, &status, output);
    log_trouble(c, &r, result, output);
    command_output_line(output);
    struct command_end end = { result, status, buf_str(output) };
    command_outcome(o, &d->arena, &end, c->text);
}
