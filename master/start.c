/* Start one process of a service. */
#include "base/log.h"
#include "base/mem.h"
#include "master/master.h"
#include "os/door.h"
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

#define HANDED_DOWN_MAX 2048

/* First everything out of the way of the target numbers, then into place; dup2(2) clears close-on-exec. */
static bool move_descriptors(struct handed_down *table, size_t count, int above)
{
    for (size_t i = 0; i < count; i++)
        if ((table[i].from = fcntl(table[i].from, F_DUPFD_CLOEXEC, above)) < 0)
            return false;
    for (size_t i = 0; i < count; i++)
        if (dup2(table[i].from, table[i].to) < 0)
            return false;
    return true;
}

/* Whatever has such a number otherwise is master's own. */
static void close_unused(const struct service *s, int template)
{
    const struct master *m = s->master;

    if (m->log_fd < 0)
        close(SERVICE_FD_LOG);
    if (m->main_cf_fd < 0)
        close(SERVICE_FD_MAIN_CF);
    if (s->door[0] < 0)
        close(SERVICE_FD_DOOR);
    if (template <0)
        close(SERVICE_FD_TEMPLATE);
}

static bool place_descriptors(const struct service *s, int template, struct buf *door_names)
{
    struct handed_down table[HANDED_DOWN_MAX];
    const struct master *m = s->master;
    const struct handed_down always[] = {
        { m->generation_pipe[0], SERVICE_FD_GENERATION },
        { m->board_fd, SERVICE_FD_SCOREBOARD },
        { m->wake_pipe[1], SERVICE_FD_WAKE },
        { m->log_fd, SERVICE_FD_LOG },
        { m->main_cf_fd, SERVICE_FD_MAIN_CF },
        { s->door[0], SERVICE_FD_DOOR },
        { template, SERVICE_FD_TEMPLATE },
    };
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        if (always[i].from >= 0)
            table[n++] = always[i];
    if (n + s->listener_count > HANDED_DOWN_MAX) {
        errno = EMFILE;
        return false;
    }
    int next = SERVICE_FD_LISTEN;
    for (size_t i = 0; i < s->listener_count; i++)
        table[n++] = (struct handed_down){ s->listeners[i].fd, next++ };
    n += door_hand_down(s, next, table + n, HANDED_DOWN_MAX - n, door_names);
    if (!move_descriptors(table, n, SERVICE_FD_LISTEN + (int)n))
        return false;
    close_unused(s, template);
    return true;
}

static void set_user(const struct service *s)
{
    const struct trust *trust = trust_of(s->line.command);
    char text[24];

    if (trust == NULL || trust->stranger < 0 || s->master->strangers[trust->stranger] == 0)
        return;
    (void)snprintf(text, sizeof text, "%u", (unsigned)s->master->strangers[trust->stranger]);
    (void)setenv(TRUST_UID_ENV, text, 1);
}

static NORETURN void run_child(const struct service *s, const char *const *argv, int slot,
                               int template)
{
    char slot_text[32];
    sigset_t none;
    BUF_AUTO(doors, 0);

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (!place_descriptors(s, template, &doors)) {
        log_warning("start %s: hand down descriptors: %s", s->line.path, strerror(errno));
        _exit(EXEC_FAILED);
    }
    (void)snprintf(slot_text, sizeof slot_text, "%d", slot);
    (void)setenv(SERVICE_SLOT_ENV, slot_text, 1);
    set_user(s);
    (void)setenv(DOORS_ENV, buf_cstr(&doors), 1);
    execv(s->line.path, mem_unconst(argv));
    log_warning("execute %s: %s", s->line.path, strerror(errno));
    _exit(EXEC_FAILED);
}

static struct str key_of(const struct child *c)
{
    return (struct str){ (const char *)&c->pid, sizeof c->pid };
}

void child_name(struct child *c, pid_t pid)
{
    struct master *m = c->service->master;

    if (c->pid)
        (void)map_remove(&m->children, key_of(c));
    c->pid = pid;
    c->template = NULL;
    atomic_store(&m->board->slots[c->slot].pid, pid);
    (void)map_set(&m->children, key_of(c), c);
}

struct child *child_take(struct master *m, pid_t pid)
{
    return map_remove(&m->children, (struct str){ (const char *)&pid, sizeof pid });
}

static struct child *note_child(struct service *s, int slot)
{
    struct child *c = mem_alloc(sizeof *c);

    *c = (struct child){ .service = s, .slot = slot, .generation = s->master->generation };
    c->started_ms = clock_now_ms();
    list_append(&s->children, &c->node);
    s->running++;
    s->used = true;
    return c;
}

static bool run_program(struct service *s, int slot)
{
    struct master *m = s->master;
    ARENA_AUTO(arena);
    int theirs, ours = template_offer(s, &theirs);
    const char *const *argv =
        start_arguments(&s->line, &m->options, demand_is_stressed(s), s->listener_count, &arena);
    pid_t pid = fork();

    if (pid == 0)
        run_child(s, argv, slot, theirs);
    if (pid < 0)
        log_warning("fork: %s", strerror(errno));
    fd_close(&theirs);
    if (pid < 0) {
        fd_close(&ours);
        return false;
    }
    template_accept(s, ours, pid);
    child_name(note_child(s, slot), pid);
    return true;
}

bool start_child(struct service *s)
{
    struct master *m = s->master;
    int slot = board_take_slot(m, s);

    if (slot < 0) {
        log_warning("service \"%s\" (%s): no room for one more process", s->line.name,
                    s->line.label);
        return false;
    }
    struct template *t = template_ask(s, slot);
    if (t)
        note_child(s, slot)->template = t;
    else if (!run_program(s, slot))
        (void)board_release_slot(m, slot);
    else
        return true;
    return t != NULL;
}
