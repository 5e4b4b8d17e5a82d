/* main.cf and master.cf as master needs them. */
#include "base/log.h"
#include "base/mem.h"
#include "master/endpoint.h"
#include "master/master.h"
#include "master/owner.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/postfix"

static const char *config_directory(void)
{
    const char *dir = getenv("MAIL_CONFIG");

    return dir ? dir : DEFAULT_CONFIG;
}

/* Here, once, because a user that does not exist may take a directory server long to deny. */
static void look_up_strangers(struct master *m)
{
    for (int i = 0; i < TRUST_STRANGERS; i++)
        if (!trust_stranger_uid(i, &m->strangers[i]))
            m->strangers[i] = 0;
}

struct conf *config_open_main(void)
{
    BUF_AUTO(error, 1024);
    struct conf *conf = conf_open(config_directory(), &error);

    if (conf == NULL)
        log_fatal("%s", buf_cstr(&error));
    return conf;
}

void config_read_main(struct master *m)
{
    struct conf *conf = config_open_main();
    struct conf *old = m->conf;

    conf_override(conf, STR("process_name"), STR("master"));
    m->conf = conf;
    conf_fill_site(conf);
    fd_close(&m->main_cf_fd);
    owner_look_up();
    look_up_strangers(m);
    logfile_use(m);
    conf_close(old);
}

void config_keep_main(struct master *m)
{
    if (m->main_cf_fd >= 0)
        return;
    m->main_cf_fd = memfd_create("main.cf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (m->main_cf_fd >= 0 && fd_write_all(m->main_cf_fd, conf_text(m->conf)) &&
        fcntl(m->main_cf_fd, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
        return;
    log_warning("cannot keep a copy of main.cf: %s -- new processes read the file",
                strerror(errno));
    fd_close(&m->main_cf_fd);
}

static const char *copy(struct arena *a, struct str s) { return arena_cstr(a, s); }

static const char *program_path(struct arena *a, struct str command)
{
    BUF_AUTO(path, 0);

    if (!str_starts(command, STR("/")))
        buf_join(&path, site_conf.daemon_directory, STR("/"));
    buf_add(&path, command);
    return copy(a, buf_str(&path));
}

static const char *base_name(struct arena *a, struct str command)
{
    size_t slash = str_rfind(command, '/');

    return copy(a, slash == STR_NOT_FOUND ? command : str_skip(command, slash + 1));
}

static bool wants_chroot(struct master *m, const struct master_entry *e)
{
    if (!e->chroot_is_default)
        return e->chroot;
    return conf_level_below(m->conf, "1");
}

static void copy_arguments(struct service_line *line, const struct master_entry *e)
{
    size_t count = e->field_count - MASTER_FIELD_COUNT;

    line->args = arena_alloc(&line->arena, (count + 1) * sizeof *line->args);
    for (size_t i = 0; i < count; i++)
        line->args[i] = copy(&line->arena, e->fields[MASTER_FIELD_COUNT + i].text);
}

static void make_line(struct master *m, const struct master_entry *e, struct service_line *line)
{
    *line = (struct service_line){ .arena = ARENA_INIT, .type = e->type };
    line->name = copy(&line->arena, e->service);
    line->private = e->private;
    line->unprivileged = e->unprivileged;
    line->chroot = wants_chroot(m, e);
    line->old_default = line->chroot && e->chroot_is_default ? e->line : 0;
    line->wakeup_s = e->wakeup;
    line->wakeup_if_used = e->wakeup_conditional;
    line->limit = e->process_limit < 0 ? site_conf.default_process_limit : e->process_limit;
    line->command = base_name(&line->arena, e->command);
    line->path = program_path(&line->arena, e->command);
    copy_arguments(line, e);
    BUF_AUTO(error, 512);
    if (!endpoint_resolve(line, &error))
        log_fatal("%s/master.cf: line %u: %s", config_directory(), e->line, buf_cstr(&error));
}

/* master_service_disable: "inet", "name/inet". */
static bool is_disabled(const struct master_entry *e)
{
    struct str rest = site_conf.master_service_disable, item;
    struct str type = master_type_name(e->type);

    while (str_token(&rest, ", \t\r\n", &item)) {
        struct str of_type = str_has(item, '/') ? str_skip(item, str_rfind(item, '/') + 1) : item;
        struct str name = str_has(item, '/') ? str_sub(item, 0, str_rfind(item, '/')) : STR_NONE;
        if (str_equal(of_type, type) && (name.ptr == NULL || str_equal(name, e->service)))
            return true;
    }
    return false;
}

struct str config_value_for(struct conf *conf, const struct service_line *line, struct str name)
{
    struct str found = conf_value(conf, name);

    for (const char **arg = line->args; *arg && arg[1]; arg++) {
        struct str value = str_from(arg[1]);
        if (str_equal(str_from(*arg), STR("-o")) && str_equal(str_cut(&value, '='), name))
            found = value;
    }
    return found;
}

/* ---- services of ours that no site's master.cf names ---- */

static bool uses_cyrus(struct master *m, const struct service_line *line)
{
    return str_equal_nocase(config_value_for(m->conf, line, STR("smtpd_sasl_auth_enable")),
                            STR("yes")) &&
           str_equal(config_value_for(m->conf, line, STR("smtpd_sasl_type")), STR("cyrus"));
}

/* One is there when a program is that may call it, unless the site has an entry for it. */
static const struct implicit {
    struct str program;
    int limit; /* processes; -1: default_process_limit; 0: any number */
    /* Not NULL: each service that answers yes has one of its own, with its settings and its root. */
    bool (*wanted_by)(struct master *m, const struct service_line *line);
} implicit[] = {
    { STR("connector"), 1, NULL },
    { STR("cyrus"), -1, uses_cyrus },
    { STR("tokenmgr"), 1, NULL },
    { STR("stsmgr"), -1, NULL },
    { STR("webfetch"), -1, NULL },
    { STR("tablemgr"), 0, NULL }, /* as many as there are processes that call it */
};

static bool is_named(const struct service_line *lines, size_t count, struct str program)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(program, str_from(lines[i].command)))
            return true;
    return false;
}

static void make_implicit(struct master *m, const struct implicit *what, struct str service,
                          bool chroot, struct service_line *line)
{
    const struct master_entry e = { .service = service,
                                    .type = MASTER_UNIX,
                                    .private = true,
                                    .unprivileged = true,
                                    .chroot = chroot,
                                    .process_limit = what->limit,
                                    .command = what->program,
                                    .field_count = MASTER_FIELD_COUNT };

    make_line(m, &e, line);
}

static void make_own(struct master *m, const struct implicit *what,
                     const struct service_line *caller, struct service_line *line)
{
    BUF_AUTO(name, 0);
    size_t count = 0;

    buf_join(&name, what->program, STR("-"), str_from(caller->name));
    make_implicit(m, what, buf_str(&name), caller->chroot, line);
    line->only_for = copy(&line->arena, str_from(caller->label));
    while (caller->args[count])
        count++;
    line->args = arena_alloc(&line->arena, (count + 1) * sizeof *line->args);
    for (size_t i = 0; i < count; i++)
        line->args[i] = copy(&line->arena, str_from(caller->args[i]));
}

/* Its callers may be such services, too: those that stand before it. */
static void add_implicit(struct master *m, const struct implicit *what, struct service_line *lines,
                         size_t *count)
{
    size_t callers = *count;

    for (size_t i = 0; i < callers && *count < SCOREBOARD_SERVICES; i++) {
        if (!trust_may_call(lines[i].command, what->program))
            continue;
        if (what->wanted_by == NULL) {
            make_implicit(m, what, what->program, false, &lines[(*count)++]);
            return;
        }
        if (what->wanted_by(m, &lines[i]))
            make_own(m, what, &lines[i], &lines[(*count)++]);
    }
}

static void add_unnamed_services(struct master *m, struct service_line *lines, size_t *count)
{
    size_t named = *count;

    for (size_t i = 0; i < ARRAY_LEN(implicit); i++)
        if (!is_named(lines, named, implicit[i].program))
            add_implicit(m, &implicit[i], lines, count);
}

struct service_line *config_read_services(struct master *m, size_t *count)
{
    ARENA_AUTO(arena);
    BUF_AUTO(error, 1024);
    struct master_cf cf;

    if (!master_cf_read(config_directory(), &arena, &cf, &error))
        log_fatal("%s", buf_cstr(&error));
    struct service_line *lines = mem_alloc((cf.count * 2 + ARRAY_LEN(implicit)) * sizeof *lines);
    *count = 0;
    for (size_t i = 0; i < cf.count; i++) {
        const struct master_entry *e = &cf.entries[i];
        if (is_disabled(e))
            continue;
        struct service_line line;
        make_line(m, e, &line);
        if (e->replaced) {
            log_warning("duplicate master.cf entry for service \"%s\" (%s) -- using the last entry",
                        line.name, line.label);
            config_free_line(&line);
        } else {
            lines[(*count)++] = line;
        }
        if (*count > SCOREBOARD_SERVICES)
            log_fatal("%s/master.cf: line %u: more than %d services", config_directory(), e->line,
                      SCOREBOARD_SERVICES);
    }
    add_unnamed_services(m, lines, count);
    return lines;
}

void config_tell_old_defaults(const struct service_line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lines[i].old_default)
            log_info("%s/master.cf: line %u: using backwards-compatible default setting chroot=y",
                     config_directory(), lines[i].old_default);
}

void config_free_line(struct service_line *line) { arena_free(&line->arena); }
