/* From a process with its tables open to one that can only serve. */
#include "base/log.h"
#include "base/number.h"
#include "os/fd.h"
#include "os/lock.h"
#include "os/privilege.h"
#include "service/private.h"
#include "service/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCK_PATH_MAX 512

/* pid/unix.NAME or pid/inet.NAME: a service of one process is served by one process, also while its
 * predecessor still finishes.  Slashes in the name become dots so that they lead nowhere. */
void service_take_lock(struct service *svc)
{
    BUF_AUTO(path, LOCK_PATH_MAX);

    if (!svc->options.single || svc->place.board == NULL)
        return;
    buf_join(&path, site_conf.process_id_directory, STR("/"), str_from(svc->options.transport),
             STR("."));
    size_t name_at = path.len;
    buf_add_cstr(&path, svc->options.name);
    for (size_t i = name_at; i < path.len; i++)
        if (path.ptr[i] == '/')
            path.ptr[i] = '.';
    svc->lock_fd = open(buf_cstr(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (svc->lock_fd < 0)
        log_fatal("open lock file %s: %s", buf_cstr(&path), strerror(errno));
    if (!lock_exclusive(svc->lock_fd))
        log_fatal("lock file %s: unable to set exclusive lock: %s", buf_cstr(&path),
                  strerror(errno));
}

/* debugger_command sees $process_name and $process_id; it is main.cf's author who is trusted here. */
void service_run_debugger(struct service *svc)
{
    struct str command = conf_value(svc->conf, STR("debugger_command"));
    pid_t pid;

    if (!svc->options.debugger || command.len == 0)
        return;
    if ((pid = fork()) == 0) {
        execl("/bin/sh", "sh", "-c", command.ptr, (char *)NULL);
        _exit(127);
    }
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
}

static bool drops_root(const struct service *svc)
{
    return svc->options.unprivileged && geteuid() == 0;
}

/* Before the jail, which has no user data base. */
void service_find_owner(struct service *svc)
{
    if (!drops_root(svc))
        return;
    const char *user = site_conf.mail_owner.ptr;
    const struct passwd *pw = getpwnam(user);

    if (pw == NULL)
        log_fatal("file %s/main.cf: parameter mail_owner: unknown user name value: %s",
                  getenv("MAIL_CONFIG") ? getenv("MAIL_CONFIG") : "/etc/postfix", user);
    svc->mail_uid = pw->pw_uid;
    svc->mail_gid = pw->pw_gid;
    svc->group_count = svc->spec->keeps_groups ? GROUPS_MAX : 0;
    if (svc->group_count && getgrouplist(user, pw->pw_gid, svc->groups, &svc->group_count) < 0)
        log_fatal("%s is in more than %d groups", user, GROUPS_MAX);
}

static struct sandbox_rules rules_of(const struct service *svc)
{
    return (struct sandbox_rules){
        .group = svc->spec->sandbox,
        .paths = svc->spec->paths,
        .ports = svc->spec->ports,
        .log_only = str_equal_nocase(site_conf.relevo_sandbox, STR("log")),
    };
}

static bool is_free(void) { return str_equal_nocase(site_conf.relevo_sandbox, STR("no")); }

void service_prepare_jail(struct service *svc)
{
    struct sandbox_rules rules = rules_of(svc);

    if (svc->jail_is_prepared)
        return;
    svc->jail_is_prepared = true;
    if (!is_free() && !svc->options.standalone)
        svc->jail_paths =
            sandbox_open_paths(&rules, svc->options.chroot ? svc->queue_directory : NULL);
    if (drops_root(svc))
        privilege_start_nothing();
}

static void confine(struct service *svc)
{
    struct sandbox_rules rules = rules_of(svc);
    const char *reason = NULL;

    if (is_free()) {
        log_info("relevo_sandbox = no: this process is not confined");
        return;
    }
    if (rules.log_only)
        log_info(
            "relevo_sandbox = log: refused system calls are logged by the kernel and let through");
    else if (!str_equal_nocase(site_conf.relevo_sandbox, STR("yes")))
        log_fatal("bad configuration: relevo_sandbox = " STR_FMT ": use yes, no or log",
                  STR_ARG(site_conf.relevo_sandbox));
    if (svc->spec->needs_root && !rules.log_only)
        privilege_limit(svc->spec->sandbox == SANDBOX_STORE ? PRIVILEGE_STORE : PRIVILEGE_COMMANDS);
    /* An old kernel offers less: less confinement, same mail.  Not worth a line for each process. */
    if (!sandbox_enter(&rules, svc->jail_paths, &reason))
        log_debug("confinement: %s", reason);
}

static bool is_confined(void) { return str_equal_nocase(site_conf.relevo_sandbox, STR("yes")); }

/* Who reads what strangers write has a user of its own: mail_owner's files and sockets are out of its reach even where
 * the kernel knows no Landlock. */
static void drop_privileges(const struct service *svc)
{
    const char *own = svc->place.board ? getenv(TRUST_UID_ENV) : NULL;
    int64_t uid;

    if (own && is_confined() && number_parse_range(str_from(own), 1, INT32_MAX, &uid))
        privilege_drop(own, (uid_t)uid, (gid_t)uid, NULL, 0);
    else
        privilege_drop(site_conf.mail_owner.ptr, svc->mail_uid, svc->mail_gid, svc->groups,
                       (size_t)svc->group_count);
}

void service_enter_jail(struct service *svc)
{
    const struct service_options *o = &svc->options;

    if (svc->spec->needs_root && (o->unprivileged || geteuid() != 0))
        log_fatal("service %s requires a privileged process", o->name);
    bool drop = drops_root(svc);

    if (o->chroot)
        privilege_chroot(svc->queue_directory);
    if (drop)
        drop_privileges(svc);
    service_watch_master(svc);
    if (!o->standalone)
        confine(svc);
}
