/* Bring what runs in line with main.cf and master.cf, at start and at SIGHUP.
 *
 * A service is the same one when name and type are; its sockets stay open when their addresses are still
 * wanted, so clients in the queue of a socket only change from the old processes to the new ones.  The
 * old processes learn by the end of their generation pipe that they should leave after their client. */
#include "base/log.h"
#include "base/mem.h"
#include "master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct service *find_service(struct master *m, const struct service_line *line)
{
    LIST_FOREACH(&m->services, node)
    {
        struct service *s = LIST_ITEM(node, struct service, node);
        if (s->line.type == line->type && strcmp(s->line.name, line->name) == 0)
            return s;
    }
    return NULL;
}

static struct service *add_service(struct master *m, struct service_line *line)
{
    struct service *s = mem_alloc(sizeof *s);

    s->master = m;
    s->line = *line;
    s->door[0] = s->door[1] = -1;
    list_init(&s->children);
    list_append(&m->services, &s->node);
    if (board_add_service(m, s))
        return s;
    /* config_read_services() has counted: those that are gone still have processes with clients. */
    log_error("no room for service %s beside those that are ending; it is not served until the "
              "next reload",
              line->name);
    list_remove(&s->node);
    config_free_line(&s->line);
    free(s);
    return NULL;
}

static void take_line(struct service *s, struct service_line *line)
{
    listen_close_except(s, line);
    config_free_line(&s->line);
    s->line = *line;
}

static void stop_timers(struct service *s)
{
    loop_timer_cancel(s->master->loop, &s->rest);
    loop_timer_cancel(s->master->loop, &s->patience);
    loop_timer_cancel(s->master->loop, &s->wakeup);
    loop_timer_cancel(s->master->loop, &s->crowd);
}

static void retire(struct service *s)
{
    demand_stop_watching(s);
    stop_timers(s);
    template_retire(s);
    listen_close_except(s, NULL);
    door_close_service(s);
    list_remove(&s->node);
    list_append(&s->master->retired, &s->node);
    reload_free_if_done(s);
}

void reload_free_if_done(struct service *s)
{
    if (s->listener_count || !list_is_empty(&s->children) || s->template_count || s->keep)
        return;
    stop_timers(s);
    board_remove_service(s->master, s);
    list_remove(&s->node);
    config_free_line(&s->line);
    free(s->listeners);
    free(s);
}

static void retire_missing(struct master *m)
{
    LIST_FOREACH(&m->services, node)
    {
        struct service *s = LIST_ITEM(node, struct service, node);
        if (!s->keep)
            retire(s);
    }
}

/* Sockets are closed before others are opened: a service may hand its port to another one. */
static void merge(struct master *m, struct service_line *lines, size_t count)
{
    LIST_FOREACH(&m->services, node)
    LIST_ITEM(node, struct service, node)->keep = false;
    for (size_t i = 0; i < count; i++) {
        struct service *s = find_service(m, &lines[i]);
        if (s) {
            demand_stop_watching(s);
            take_line(s, &lines[i]);
        } else {
            s = add_service(m, &lines[i]);
        }
        if (s)
            s->keep = true;
    }
    retire_missing(m);
}

/* A new generation: its children get the new pipe, the old ones see the end of theirs. */
static void begin_generation(struct master *m)
{
    int fresh[2];

    if (pipe2(fresh, O_CLOEXEC) != 0)
        log_fatal("pipe: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        if (m->generation_pipe[i] >= 0)
            close(m->generation_pipe[i]);
        m->generation_pipe[i] = fresh[i];
    }
    m->generation++;
    atomic_store(&m->board->generation, m->generation);
}

static void begin_service(struct service *s)
{
    template_retire(s);
    listen_open(s);
    s->running = 0;
    s->used = false;
    s->missing = false;
    s->missing_warned_ms = 0;
    s->limit_warned_s = 0;
    s->throttle = (struct throttle){ 0 };
    loop_timer_cancel(s->master->loop, &s->rest);
    demand_check(s);
    wakeup_start(s);
}

void reload_services(struct master *m)
{
    size_t count;
    struct service_line *lines = config_read_services(m, &count);

    config_tell_old_defaults(lines, count);
    merge(m, lines, count);
    free(lines);
    begin_generation(m);
    /* merge() unlinks what it frees; the analyzer does not follow the pointers inside a list. */
    LIST_FOREACH(&m->services, node) // NOLINT(clang-analyzer-unix.Malloc)
    begin_service(LIST_ITEM(node, struct service, node));
}

/* postlogd writes to the descriptor that it was started with. */
static void restart_postlogd(struct master *m)
{
    LIST_FOREACH(&m->services, node)
    {
        struct service *s = LIST_ITEM(node, struct service, node);
        if (s->line.type != MASTER_UNIX_DGRAM)
            continue;
        LIST_FOREACH(&s->children, at)
        (void)kill(LIST_ITEM(at, struct child, node)->pid, SIGTERM);
    }
}

/* The log may have been rotated even so: nobody must go on writing to the old file. */
static void keep_configuration(struct master *m)
{
    log_error("the configuration cannot be used; going on with the one before");
    config_keep_main(m);
    logfile_open(m);
    restart_postlogd(m);
}

void reload_all(struct master *m)
{
    if (!check_configuration(m)) {
        keep_configuration(m);
        return;
    }
    config_read_main(m);
    logfile_open(m);
    environment_clean(m);
    reload_services(m);
    /* Who reads this and connects is served by the new generation. */
    log_info("reload -- version " STR_FMT ", configuration %s", STR_ARG(site_conf.mail_version),
             conf_directory(m->conf));
}
