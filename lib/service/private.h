#pragma once
/* What the files of lib/service share. */
#include "os/logger.h"
#include "os/socket.h"
#include "service/scoreboard.h"
#include "service/service.h"

#define GROUPS_MAX 64

struct service_override {
    struct str name, value;
};

/* The command line that master(8) builds (spec: master.cf section 1). */
struct service_options {
    const char *name;                   /* -n; otherwise the program's base name */
    const char *program;                /* base name of argv[0] */
    const char *transport;              /* -t */
    bool single;                        /* -l: process limit 1 */
    bool unlimited;                     /* -z: process limit 0 */
    bool unprivileged;                  /* -u */
    bool chroot;                        /* -c */
    bool debugger;                      /* -D */
    bool standalone;                    /* -S */
    bool to_stderr;                     /* -V */
    int verbose;                        /* -v */
    int sockets;                        /* -s */
    struct service_override *overrides; /* -o */
    size_t override_count;
    int argc; /* what is left */
    char **argv;
};

void service_options_parse(struct service_options *o, int argc, char **argv);

struct service {
    const struct service_spec *spec;
    struct service_options options;
    struct conf *conf;
    struct scoreboard_place place;
    struct loop *loop; /* MULTI */
    const char *queue_directory;
    int listen_first;  /* listening sockets are consecutive descriptors */
    int generation_fd; /* -1 without master */
    int template_fd;   /* -1: it shall be no template */
    int door_fd;       /* where siblings come in, or -1 */
    bool is_private;   /* nobody comes by path but root */
    uid_t mail_uid;    /* of mail_owner, once dropped to */
    gid_t mail_gid;
    gid_t groups[GROUPS_MAX]; /* of mail_owner, for a daemon that keeps them */
    int group_count;
    bool standalone; /* one client on stdin and stdout */
    int lock_fd;     /* of a single-process service, or -1 */
    int max_idle_s, max_use;
    int uses;
    uint64_t activity;  /* changes with every client, for the watchdog and the idle timer */
    volatile bool over; /* the generation is over or master is gone; a signal handler may set it */
    volatile bool called_off; /* by a signal: the client has to give way */
    bool leaving;             /* asked to end after the present client */
    bool serving;             /* a client is being served: the watchdog counts */
    bool settled, jail_is_prepared;
    int jail_paths; /* what it may open in its jail, or -1 */
    struct buf passed;
    struct net_addr client; /* whose connection was accepted last; len 0: unknown */
};

/* configure.c */
void service_configure(struct service *svc);
/* configure.c: $process_id, which a clone has of its own. */
void service_name_process(struct service *svc);
/* template.c: returns in each process that shall serve. */
void service_be_template(struct service *svc);
/* service.c: every idle process counts: what only the start needed goes back to the kernel. */
void service_settle(struct service *svc);
/* connector(8) or tablemgr(8) was needed and has gone: only a new process gets another. */
bool service_has_lost_help(void);
/* jail.c */
void service_find_owner(struct service *svc);
/* What a template can do for all of its clones. */
void service_prepare_jail(struct service *svc);
void service_take_lock(struct service *svc);
void service_enter_jail(struct service *svc);
void service_run_debugger(struct service *svc);
/* client.c: one connection from a listening socket, -1 when there is none after all. */
int service_accept(struct service *svc, int listen_fd, int flags);
/* trigger.c: one request from a listening socket, a fifo or the door. */
void service_take_trigger(struct service *svc, int from);
/* blocking.c, multi.c, standalone.c */
NORETURN void service_run_blocking(struct service *svc);
NORETURN void service_run_multi(struct service *svc);
NORETURN void service_run_standalone(struct service *svc);
bool service_stdin_is_listener(void);
/* signals.c: once the process has its final identity. */
void service_watch_master(struct service *svc);
/* watchdog.c */
void service_watchdog_start(struct service *svc, int seconds);
bool service_may_leave(struct service *svc);
