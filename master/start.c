/* Start one process of a service. */
#include "base/log.h"
#include "base/mem.h"
#include "master/master.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 32 /* that we put before those of the line */
#define EXEC_FAILED   127

struct arguments {
    const char **items;
    size_t count;
    struct arena *arena;
};

static void add(struct arguments *a, const char *text) { a->items[a->count++] = text; }

static void add_pair(struct arguments *a, const char *option, const char *value)
{
    add(a, option);
    add(a, value);
}

static void add_number(struct arguments *a, const char *option, size_t value)
{
    BUF_AUTO(text, 24);

    buf_add_int(&text, (int64_t)value);
    add_pair(a, option, arena_cstr(a->arena, buf_str(&text)));
}

static const char *type_name(struct arena *a, enum master_type type)
{
    return arena_cstr(a, master_type_name(type));
}

static bool can_be_stressed(const struct service_line *line)
{
    return (line->type == MASTER_INET || line->type == MASTER_PASS) && line->limit > 1;
}

static void add_flags(struct arguments *a, const struct service_line *line,
                      const struct master_options *o)
{
    if (line->limit == 1)
        add(a, "-l");
    if (line->limit == 0)
        add(a, "-z");
    if (strcmp(line->name, line->command) != 0)
        add_pair(a, "-n", line->name);
    add_pair(a, "-t", type_name(a->arena, line->type));
    if (o->keep_terminal)
        add(a, "-d");
    for (int i = 0; i < o->verbose && i < 4; i++)
        add(a, "-v");
    if (line->unprivileged)
        add(a, "-u");
    if (line->chroot)
        add(a, "-c");
}

const char *const *start_arguments(const struct service_line *line,
                                   const struct master_options *options, bool stressed,
                                   size_t sockets, struct arena *arena)
{
    size_t own = 0;

    while (line->args[own])
        own++;
    struct arguments a = { arena_alloc(arena, (ARGUMENTS_MAX + own + 1) * sizeof(char *)), 0,
                           arena };
    add(&a, line->command);
    add_flags(&a, line, options);
    if (can_be_stressed(line))
        add_pair(&a, "-o", stressed ? "stress=yes" : "stress=");
    if (sockets > 1)
        add_number(&a, "-s", sockets);
    for (size_t i = 0; i < own; i++)
        add(&a, line->args[i]);
    return a.items;
}

struct handed_down {
    int from, to;
};

/* First everything out of the way of the target numbers, then into place; dup2(2) clears close-on-exec. */
static bool place_descriptors(const struct service *s)
{
    size_t count = (size_t)SERVICE_FD_LISTEN + s->listener_count;
    struct handed_down table[SERVICE_FD_LISTEN + 512];
    const struct master *m = s->master;
    size_t n = 0;

    if (count > ARRAY_LEN(table)) {
        errno = EMFILE;
        return false;
    }
    table[n++] = (struct handed_down){ m->generation_pipe[0], SERVICE_FD_GENERATION };
    table[n++] = (struct handed_down){ m->board_fd, SERVICE_FD_SCOREBOARD };
    table[n++] = (struct handed_down){ m->wake_fd, SERVICE_FD_WAKE };
    if (m->log_fd >= 0)
        table[n++] = (struct handed_down){ m->log_fd, SERVICE_FD_LOG };
    if (m->main_cf_fd >= 0)
        table[n++] = (struct handed_down){ m->main_cf_fd, SERVICE_FD_MAIN_CF };
    for (size_t i = 0; i < s->listener_count; i++)
        table[n++] = (struct handed_down){ s->listeners[i].fd, SERVICE_FD_LISTEN + (int)i };
    for (size_t i = 0; i < n; i++)
        if ((table[i].from = fcntl(table[i].from, F_DUPFD_CLOEXEC, (int)count)) < 0)
            return false;
    for (size_t i = 0; i < n; i++)
        if (dup2(table[i].from, table[i].to) < 0)
            return false;
    /* Whatever has such a number otherwise is master's own. */
    if (m->log_fd < 0)
        close(SERVICE_FD_LOG);
    if (m->main_cf_fd < 0)
        close(SERVICE_FD_MAIN_CF);
    return true;
}

static NORETURN void run_child(const struct service *s, const char *const *argv, int slot)
{
    char slot_text[32];
    sigset_t none;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (!place_descriptors(s)) {
        log_warning("start %s: hand down descriptors: %s", s->line.path, strerror(errno));
        _exit(EXEC_FAILED);
    }
    (void)snprintf(slot_text, sizeof slot_text, "%d", slot);
    (void)setenv(SERVICE_SLOT_ENV, slot_text, 1);
    execv(s->line.path, mem_unconst(argv));
    log_warning("execute %s: %s", s->line.path, strerror(errno));
    _exit(EXEC_FAILED);
}

static void note_child(struct service *s, pid_t pid, int slot)
{
    struct master *m = s->master;
    struct child *c = mem_alloc(sizeof *c);

    *c = (struct child){ .service = s, .pid = pid, .slot = slot, .generation = m->generation };
    c->started_ms = clock_now_ms();
    list_append(&s->children, &c->node);
    s->running++;
    s->used = true;
    atomic_store(&m->board->slots[slot].pid, pid);
    (void)map_set(&m->children, (struct str){ (const char *)&c->pid, sizeof c->pid }, c);
}

bool start_child(struct service *s)
{
    struct master *m = s->master;
    ARENA_AUTO(arena);
    int slot = board_take_slot(m, s);

    if (slot < 0) {
        log_warning("service \"%s\" (%s): no room for one more process", s->line.name,
                    s->line.label);
        return false;
    }
    const char *const *argv = start_arguments(
        &s->line, &m->options, s->stress_until_s > (int64_t)time(NULL), s->listener_count, &arena);
    pid_t pid = fork();
    if (pid == 0)
        run_child(s, argv, slot);
    if (pid < 0) {
        log_warning("fork: %s", strerror(errno));
        (void)board_release_slot(m, slot);
        return false;
    }
    note_child(s, pid, slot);
    return true;
}
