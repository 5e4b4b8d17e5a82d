#pragma once
/* service/service - the process skeleton of every daemon that master(8) starts.  Whom it may call: trust.def.
 *
 * service_main() does, in this order: options (-n -t -u -c -l -z -v -D -d -o -s ...), main.cf with the -o
 * overrides, parameter sets, logger, before_jail (tables, keys, sockets to keep) → chroot → uid/gid →
 * no_new_privs → Landlock → seccomp → after_jail → serve until idle too long, used up, replaced
 * (reload) or orphaned (master died). */
#include "base/attr.h"
#include "conf/conf.h"
#include "os/loop.h"
#include "os/sandbox.h"
#include "os/socket.h"

struct queue_spares;
struct service;

enum service_kind {
    SERVICE_SINGLE,   /* one client at a time, blocking: serve() for each connection */
    SERVICE_MULTI,    /* one epoll loop: serve() gets connections and keeps them */
    SERVICE_TRIGGER,  /* one trigger at a time: trigger() gets the bytes of each request */
    SERVICE_DATAGRAM, /* serve() is called when the datagram socket is readable, with that socket */
};

/* What a daemon is, in one place: how it runs, what it may read, whom it may call. */
struct service_spec {
    const char *name; /* program name: "smtpd" */
    enum service_kind kind;
    const struct param_set *const *params; /* NULL-terminated; site is always filled */
    enum sandbox_group sandbox;
    /* What it may open after before_jail, below the queue directory unless absolute.  NULL:
     * nothing but what libc needs. */
    const struct sandbox_path *paths;
    const uint16_t *ports; /* SANDBOX_ACCEPT: what it may connect to by TCP; ends with 0 */
    bool needs_root;       /* "requires a privileged process" */
    bool keeps_groups;     /* those that the site has put mail_owner into; without it: none */
    int process_limit;     /* -1 any, 1 or 0: "requires a process limit of N" */
    bool no_max_use;       /* resident: qmgr, anvil, ... ignore max_use and max_idle */
    /* What it speaks is no affair between siblings, but what programs of others speak: whoever reaches its private socket may
     * come, our own clients of such protocols (connector, smtp) among them. */
    bool serves_others;
    const int *patience; /* seconds that one client or event may take; NULL: daemon_timeout */
    /* MULTI: after a reload, finish the present clients beside the successor.  Without it a service with a
     * process limit of 1 keeps its exclusive lock until it ends, and the successor waits for that. */
    bool drains;
    /* MULTI: those of the network too, because they are handed on to a program that waits. */
    bool clients_block;
    /* What all processes of the service may have in common: tables, parsed lists, certificates.  Whatever must be a process's
     * own says so to os/clone.h, or is opened by before_jail.  A program with this may be a template (service/template.h). */
    void (*before_fork)(struct service *svc);
    bool (*is_stale)(
        struct service *svc); /* files of before_fork that are no tables have changed */
    void (*before_jail)(struct service *svc);
    void (*after_jail)(struct service *svc);
    /* SINGLE: a client is there and not accepted yet.  After service_restart_for() it is left to a successor. */
    void (*before_client)(struct service *svc);
    /* SINGLE: return closes the connection, serve must not.  MULTI: the daemon owns `fd`, and reads and writes it with MSG_DONTWAIT: what a sibling
     * made blocks, and is his too. */
    void (*serve)(struct service *svc, int fd);
    /* MULTI: what siblings said without a connection (door_note). */
    void (*notes)(struct service *svc, const struct str *notes, size_t count);
    /* TRIGGER; and MULTI, which has clients on a socket of packets (SOCK_SEQPACKET) then, and requests from all else. */
    void (*trigger)(struct service *svc, struct str request);
    /* Called before the process leaves by itself (idle, used up, reload); false: not now (work pending).  At
     * the end of a generation it is asked again after every turn of the loop, and no client is accepted
     * any more; without it the process leaves at once. */
    bool (*may_leave)(struct service *svc);
};

NORETURN void service_main(const struct service_spec *spec, int argc, char **argv);

/* What serve() and friends may ask. */
struct conf *service_conf(struct service *svc);
struct str service_name(struct service *svc); /* field 1 of master.cf */
/* It acts for others: local, virtual, pipe, spawn. */
bool service_keeps_root(const struct service *svc);
/* For a program whose services differ in this: fatal unless master.cf says one process. */
void service_require_single(const struct service *svc);
int service_argc(struct service *svc); /* arguments after the options: pipe(8), spawn(8) */
char **service_argv(struct service *svc);
struct loop *service_loop(struct service *svc); /* MULTI only */
bool service_is_stressed(struct service *svc);
/* A daemon that holds a connection open between clients (qmgr channel, cached session) may call this to
 * learn whether it should let go: its generation is over, or its use is up. */
bool service_should_leave(struct service *svc);
/* SINGLE: count one more use of this process (a second message on a kept connection). */
void service_count_use(struct service *svc);
/* Where absolute file names begin once the process is in its jail: the queue directory, or empty without chroot. */
struct str service_root(struct service *svc);
/* End after the present client, so that master starts a fresh process. */
void service_replace(struct service *svc);
/* The same because a table has changed, which is logged. */
void service_restart_for(struct service *svc, const char *table);
/* SINGLE, for services of strangers and users: who the client is (never 0), and whether it is its turn to say something.  When
 * all processes of the service are taken, idle clients that hold many of them have to give way. */
void service_note_client(struct service *svc, uint32_t client);
/* Such a number for a text. */
uint32_t service_client_number(const struct service *svc, struct str client);
void service_note_wait(struct service *svc, bool waits);
/* The client is in the middle of something, or no more: then silence alone is no reason to give way. */
void service_note_engaged(struct service *svc, bool engaged);
/* Set while the client has to give way: who waits for it waits no more. */
const volatile bool *service_is_called_off(struct service *svc);
/* The service is under stress, others wait, and `client` has its share of idle processes: how many; or had to give way a
 * moment ago.  0: it is welcome. */
int service_crowded_by(struct service *svc, uint32_t client);
/* SINGLE: the address from which the present client has connected, as the kernel told when it came.  False: it came in another
 * way than by connecting to us, and whoever wants to know asks the socket. */
NODISCARD bool service_client_address(const struct service *svc, struct net_addr *out);
/* Services of type `pass`: the attribute list (ipc/attr.h) that came with the present client; empty otherwise. */
struct str service_passed(struct service *svc);
/* The descriptor of maillog_file that master handed down, or -1. */
int service_log_fd(struct service *svc);
/* End the process now, in good order: accounted for, exit status 0. */
NORETURN void service_leave(struct service *svc);
/* Flow control: qmgr(8) says whether it takes more messages, who brings some gives way (in_flow_delay). */
void service_set_queue_full(struct service *svc, bool full);
bool service_queue_is_full(struct service *svc);
/* A new message was announced in vain, because qmgr(8) has too many announcements; and: was that so since last asked? */
void service_note_lost(struct service *svc);
bool service_has_lost(struct service *svc);
/* The spare queue files that all daemons share; NULL without master. */
struct queue_spares *service_spares(struct service *svc);
/* `-S`: serves stdin/stdout once, without master (sendmail -bs).  False when stdin is a listening (or
 * datagram) socket: its clients are served as under master, which is how a daemon is run by hand. */
bool service_is_standalone(struct service *svc);
