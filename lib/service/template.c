#include "service/template.h"

#include "base/log.h"
#include "os/clone.h"
#include "os/fd.h"
#include "os/watch.h"
#include "service/private.h"
#include "table/table.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIFE_MS \
    60000 /* what nobody watches (a list in a file, the user data base) is not older than this */

static void set_name(const char *program, const char *suffix)
{
    char name[16];

    (void)snprintf(name, sizeof name, "%.8s%s", program, suffix);
    (void)prctl(PR_SET_NAME, name);
}

static void watch_main_cf(const struct service *svc, struct watch *files)
{
    BUF_AUTO(path, 0);

    buf_join(&path, str_from(conf_directory(svc->conf)), STR("/main.cf"));
    watch_add(files, buf_str(&path));
}

static bool is_fresh(struct service *svc, const struct watch *files)
{
    BUF_AUTO(name, 256);

    return watch_changed(files).ptr == NULL && !tables_have_changed(&name) &&
           !(svc->spec->is_stale && svc->spec->is_stale(svc)) &&
           !scoreboard_is_replaced(&svc->place);
}

static bool next_slot(int fd, int64_t until_ms, int *slot)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    struct template_message m;
    int64_t left = until_ms - clock_now_ms();

    if (left <= 0 || poll(&p, 1, (int)left) <= 0 ||
        recv(fd, &m, sizeof m, 0) != (ssize_t)sizeof m || m.slot < 0 || m.slot >= SCOREBOARD_SLOTS)
        return false;
    *slot = m.slot;
    return true;
}

/* In the clone.  master cannot wait for a process that it does not know. */
static void begin(struct service *svc, int slot)
{
    struct template_message m = { .slot = slot, .pid = getpid() };

    if (send(svc->template_fd, &m, sizeof m, MSG_NOSIGNAL) != (ssize_t)sizeof m)
        _exit(0);
    fd_close(&svc->template_fd);
    scoreboard_move(&svc->place, slot);
    set_name(svc->options.program, "");
    clone_renew();
    service_name_process(svc);
}

void service_be_template(struct service *svc)
{
    struct watch files = WATCH_NONE;
    int64_t until = clock_now_ms() + LIFE_MS;
    int slot = svc->place.slot;

    if (svc->spec->before_fork == NULL)
        fd_close(&svc->template_fd);
    if (svc->template_fd < 0)
        return;
    watch_main_cf(svc, &files);
    service_settle(svc);
    service_prepare_jail(svc);
    set_name(svc->options.program, "+");
    do {
        pid_t pid = clone_sibling();
        if (pid == 0) {
            watch_close(&files);
            begin(svc, slot);
            return;
        }
        if (pid < 0)
            log_fatal("make one more process: %m");
    } while (next_slot(svc->template_fd, until, &slot) && is_fresh(svc, &files));
    _exit(0);
}
