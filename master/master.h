#pragma once
/* master/master - what the parts of master(8) share.
 *
 * master reads master.cf, owns the listening sockets, and starts and watches the processes behind them.
 * While all is well it sleeps: workers tell it through the scoreboard only when a service has run out of
 * idle ones (service/scoreboard.h). */
#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "conf/conf.h"
#include "conf/master_cf.h"
#include "master/options.h"
#include "master/throttle.h"
#include "os/loop.h"
#include "service/scoreboard.h"
#include "service/trust.h"

#include <sys/types.h>

struct master;
struct template;

/* A descriptor of ours, and its number in a child. */
struct handed_down {
    int from, to;
};

/* A socket that clients of a service connect to. */
struct listener {
    char *where; /* "192.0.2.1:25", "[2001:db8::1]:25", or a path below the queue directory */
    int fd;
};

/* A line of master.cf.  Its strings live in `arena`, which a reload replaces. */
struct service_line {
    struct arena arena;
    const char *name; /* field 1 */
    const char
        *label; /* what log lines show in parentheses: "25", "127.0.0.1:25", "private/smtp" */
    enum master_type type;
    bool private, unprivileged, chroot;
    unsigned
        old_default; /* line of master.cf where the compatibility level says chroot; 0: it does not */
    bool local_only; /* no stranger can connect: never under stress */
    int wakeup_s;
    bool wakeup_if_used;
    const char
        *only_for; /* label of the one service that may call it; NULL: all whom trust.def lets */
    int limit;     /* 0: none */
    const char *command; /* base name */
    const char *path;    /* of the program */
    const char **args;   /* from master.cf, ends with NULL */
    const char **where;  /* the addresses to listen on, ends with NULL */
};

struct service {
    struct list node; /* in master.services, or in master.retired */
    struct master *master;
    struct service_line line;
    struct listener *listeners;
    size_t listener_count;
    int door[2]; /* where siblings come in, and the end that they are handed; -1: none */

    int index;   /* in the scoreboard */
    int *blocks; /* of slots that it owns there */
    size_t block_count;
    struct list children;
    int running;               /* children of the present generation */
    struct template *template; /* that may be asked for processes; NULL: none */
    int template_count;        /* also of those that are ending */
    bool no_template;          /* the program is none */

    bool watching;       /* we listen for clients ourselves */
    bool pressure_known; /* we have acted on the scoreboard's pressure */
    bool used;           /* a process was started: conditional wakeups count from now */
    bool missing;        /* the program is not there: clients are turned away */
    bool keep;           /* survives the reload that is going on */
    struct throttle throttle;
    int64_t ran_out_ms;     /* when its idle workers ran out last */
    int64_t limit_warned_s; /* when its process limit was reached last */
    int64_t stress_until_s;
    int64_t missing_warned_ms;
    struct loop_timer *rest;     /* end of throttling, or of a failed fork */
    struct loop_timer *patience; /* for workers that take long to start */
    struct loop_timer *wakeup;
    bool wakeup_is_near;      /* it was brought forward */
    struct loop_timer *crowd; /* next look at who keeps all processes busy */
};

struct child {
    struct list node; /* in service.children */
    struct service *service;
    pid_t pid;                 /* 0: not told yet */
    struct template *template; /* that was asked for it and has not told its pid; NULL: none */
    int slot;
    unsigned generation;
    int64_t started_ms;
};

struct master {
    struct master_options options;
    struct conf *conf;
    struct loop *loop;
    struct scoreboard *board;
    int board_fd, signal_fd;
    int wake_pipe[2]; /* workers write when their service has run out of idle ones */
    int log_fd;       /* maillog_file or -1 */
    int main_cf_fd;   /* a copy of the main.cf in force while the file is a bad one, or -1 */
    bool attached;    /* starting: stderr is still that of the one who starts us */
    int generation_pipe[2];
    unsigned generation;
    uint64_t slots_used[SCOREBOARD_BLOCKS]; /* our own bookkeeping: the scoreboard is not trusted */
    bool blocks_used[SCOREBOARD_BLOCKS];
    struct service *by_index[SCOREBOARD_SERVICES];
    struct list services, retired, templates;
    struct map children;              /* by process id */
    char **environment;               /* of the children, without their slot */
    uid_t strangers[TRUST_STRANGERS]; /* 0: no such user here */
};

/* config.c: processes that are started from now on read the main.cf in force, not the file. */
void config_keep_main(struct master *m);
/* main.cf as it is now; fatal when it cannot be read. */
struct conf *config_open_main(void);
/* main.cf into site_conf, logger, environment; the conf is fatal when it is bad. */
void config_read_main(struct master *m);
/* master.cf as a list of service lines in the order of the file.  Fatal when it is bad. */
struct service_line *config_read_services(struct master *m, size_t *count);
void config_free_line(struct service_line *line);
/* A parameter as a service sees it: its own -o options, else main.cf. */
struct str config_value_for(struct conf *conf, const struct service_line *line, struct str name);
/* Of those that are going to run. */
void config_tell_old_defaults(const struct service_line *lines, size_t count);

/* check.c: could the files on disk be used?  What is wrong with them is in the log. */
bool check_configuration(struct master *m);
/* master -n, for `postfix check` and before a start: ends with one of these, or fatally when nothing can be started. */
enum check_status { CHECK_GOOD = 0, CHECK_SOME_SERVICES = 2 };
NORETURN void check_for_command(struct master *m);

/* logfile.c: open maillog_file for us and all children; the old descriptor is closed.  A file that cannot be opened is
 * fatal at start, and an error in the log later. */
void logfile_open(struct master *m);
void logfile_use(struct master *m);

/* environment.c */
void environment_clean(struct master *m);

/* board.c */
void board_create(struct master *m);
bool board_add_service(struct master *m, struct service *s);
void board_remove_service(struct master *m, struct service *s);
/* A free slot for one more process of the service; -1 when there is none. */
int board_take_slot(struct master *m, struct service *s);
/* Returns the number of clients its worker served. */
unsigned board_release_slot(struct master *m, int slot);
bool board_is_starting(struct master *m, int slot);

/* listen.c: an address that cannot be had is fatal in the first generation, and an error in the log later. */
void listen_open(struct service *s);
/* Close what is not in the line any more, keep the rest.  Call before listen_open(). */
void listen_close_except(struct service *s, const struct service_line *line);

/* door.c: doors live as long as the service, over reloads. */
void door_open_service(struct service *s);
void door_close_service(struct service *s);
/* Descriptors for a process of `caller`, from number `first` on, and what they are (DOORS_ENV). */
size_t door_hand_down(const struct service *caller, int first, struct handed_down *table,
                      size_t room, struct buf *names);

/* start.c */
bool start_child(struct service *s);
/* The command line of a process of the service, ends with NULL; lives in `a`. */
const char *const *start_arguments(const struct service_line *line,
                                   const struct master_options *options, bool stressed,
                                   size_t sockets, struct arena *a);

/* The process of a child is known now, or another one. */
void child_name(struct child *c, pid_t pid);
/* The child with that process id, which is forgotten; NULL: there is none. */
struct child *child_take(struct master *m, pid_t pid);

/* template.c: services whose processes are clones of one that waits for being asked.
 *
 * A pair of sockets for a process that may become the template of its service: our end, or -1 when it is not wanted. */
int template_offer(struct service *s, int *theirs);
/* The process was started; -1 is fine. */
void template_accept(struct service *s, int ours, pid_t pid);
/* Ask for a process with that slot; NULL: there is nobody to ask. */
struct template *template_ask(struct service *s, int slot);
/* What it has read is old.  What it was asked for before it may still do. */
void template_retire(struct service *s);
/* What clones have told, before we wait for any of them. */
void template_hear_all(struct master *m);
/* That process has ended: it may have made a template of itself, and not be a child any more. */
void template_before_reap(struct master *m, pid_t pid);
/* Was that a template? */
bool template_reap(struct master *m, pid_t pid, int raw);
/* A process has ended that nobody knows: a clone that had no time to say who it was?  Then only the end of its template
 * tells which process is missing. */
void template_doubt(struct master *m);
/* End a template that has not done what it was asked for before that time. */
void template_check(struct service *s, int64_t asked_before_ms);

/* reap.c */
void reap_children(struct master *m);
/* A child that was asked for and will not come. */
void reap_missing(struct child *c);
void reap_log(const struct service *s, pid_t pid, int raw);

/* demand.c: decide whether a service needs a process, and whether we have to listen for it. */
void demand_check(struct service *s);
/* New processes of it work under stress. */
bool demand_is_stressed(const struct service *s);
void demand_after_death(struct service *s);
void demand_start(struct master *m); /* begin to act on the wake descriptor */
void demand_stop_watching(struct service *s);

/* crowd.c: the process limit is reached; look from time to time whether somebody should give way. */
void crowd_watch(struct service *s);

/* refuse.c: a service whose program is not installed */
bool refuse_is_needed(struct service *s);
void refuse_client(struct service *s, int listen_fd);

/* wakeup.c */
void wakeup_start(struct service *s);
/* What a process that was killed had stored, and told nobody of, is looked for soon. */
void wakeup_after_crash(struct master *m);

/* reload.c: bring the running services in line with master.cf; also the first start. */
void reload_services(struct master *m);
void reload_all(struct master *m);
void reload_free_if_done(struct service *s);

/* monitor.c: -w.  Returns in the background process; the foreground one ends when the other says so. */
void monitor_fork(void);
void monitor_report_success(void);
