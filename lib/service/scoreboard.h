#pragma once
/* service/scoreboard - shared memory in which workers account for themselves, so that master(8) sleeps
 * while mail flows (DESIGN section 4).
 *
 * master makes one memfd; every worker gets it as SERVICE_FD_SCOREBOARD and its slot number in the
 * environment (RELEVO_SLOT).  A worker that takes the last idle place of its service raises `pressure`
 * and, when it was not up before, writes to the wake pipe; only then master listens for that service
 * itself and starts another worker when a client comes.
 *
 * There is no counter that a `kill -9` between two instructions could leave wrong: idleness is one bit
 * per worker, changed by one atomic operation, and master clears the bit of a worker that died.  Slots
 * come in blocks of 64; a service owns a chain of blocks.
 *
 * Everything here can be overwritten by any daemon that was taken over, so nobody follows an index
 * without checking its range, and master never takes a process id from it. */
#include "base/attr.h"
#include "base/siphash.h"
#include "queue/spare.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Descriptors that master hands down. */
enum {
    SERVICE_FD_GENERATION =
        3, /* pipe, read end: EOF means this generation is over or master is gone */
    SERVICE_FD_SCOREBOARD = 4,
    SERVICE_FD_WAKE = 5, /* pipe towards master, write end */
    SERVICE_FD_LOG = 6,  /* maillog_file, O_APPEND; closed when there is none */
    SERVICE_FD_MAIN_CF =
        7, /* main.cf as it was before a reload that failed; closed while the file is good */
    SERVICE_FD_DOOR = 8,     /* where siblings come in (os/door.h); closed when they do not */
    SERVICE_FD_TEMPLATE = 9, /* be a template (service/template.h); closed when none is wanted */
    SERVICE_FD_LISTEN = 10,  /* first of -s N listening sockets; behind them the doors to others */
};
#define SERVICE_SLOT_ENV "RELEVO_SLOT"

#define SCOREBOARD_SERVICES  1024
#define SCOREBOARD_BLOCKS    1024
#define SCOREBOARD_PER_BLOCK 64
#define SCOREBOARD_SLOTS     (SCOREBOARD_BLOCKS * SCOREBOARD_PER_BLOCK)
#define SCOREBOARD_NO_BLOCK  (-1)
#define SCOREBOARD_GAVE_WAY  64

enum scoreboard_state { SLOT_FREE, SLOT_STARTING, SLOT_IDLE, SLOT_BUSY };

struct scoreboard_service {
    _Atomic int32_t first_block; /* of its chain; SCOREBOARD_NO_BLOCK when it has none */
    _Atomic int32_t pressure; /* raised by a worker that found no idle sibling; lowered by master */
    _Atomic int64_t stress_until; /* wall-clock seconds */
    _Atomic uint64_t uses;
    /* Clients that had to give way: number and time, the oldest is replaced. */
    _Atomic uint32_t gave_way_next;
    _Atomic uint64_t gave_way[SCOREBOARD_GAVE_WAY];
};

struct scoreboard_block {
    _Atomic uint64_t idle; /* one bit per slot */
    _Atomic int32_t next;  /* block or SCOREBOARD_NO_BLOCK */
};

struct scoreboard_slot {
    _Atomic int32_t state; /* enum scoreboard_state, for people and statistics; bits decide */
    _Atomic int32_t pid;
    _Atomic int32_t service;      /* index into services */
    _Atomic uint32_t served;      /* clients served: 0 at death means a bad start */
    _Atomic uint32_t client;      /* who is served; 0: not told */
    _Atomic uint32_t waits_since; /* for the client's next command, in milliseconds; 0: it works */
    _Atomic uint32_t engaged;     /* the client is in the middle of something */
};

struct scoreboard {
    _Atomic uint32_t generation;   /* changes at each reload */
    _Atomic uint32_t log_epoch;    /* changes when maillog_file was opened anew */
    _Atomic uint32_t draining;     /* master left on purpose: clients are served to their end */
    _Atomic uint32_t queue_full;   /* qmgr(8) has as many messages as it takes */
    _Atomic uint32_t notices_lost; /* qmgr(8) has to look for new messages */
    struct siphash_key secret;     /* of client numbers, the same in all workers */
    struct queue_spares spares;    /* between qmgr(8) and cleanup(8) */
    struct scoreboard_service services[SCOREBOARD_SERVICES];
    struct scoreboard_block blocks[SCOREBOARD_BLOCKS];
    struct scoreboard_slot slots[SCOREBOARD_SLOTS];
};

/* A worker's view of its own slot. */
struct scoreboard_place {
    struct scoreboard *board; /* NULL: standalone */
    int slot;
    int wake_fd;
    uint32_t generation; /* the board's when this worker started */
};

/* From the inherited descriptors and the environment; a place without a board when not under master. */
void scoreboard_attach(struct scoreboard_place *place);
/* A clone takes its own place in the row of the same service. */
void scoreboard_move(struct scoreboard_place *place, int slot);
void scoreboard_idle(struct scoreboard_place *place);
void scoreboard_busy(struct scoreboard_place *place);
/* The worker will take no more clients (it ends, or finishes those it has). */
void scoreboard_leave(struct scoreboard_place *place);
/* The counters of the worker's service, or NULL without a board. */
struct scoreboard_service *scoreboard_service_of(const struct scoreboard_place *place);
/* A reload happened since this worker started. */
bool scoreboard_is_replaced(const struct scoreboard_place *place);
/* Is any worker of the service idle?  One load per 64 workers. */
bool scoreboard_has_idle(struct scoreboard *board, int service);
/* For tests. */
int scoreboard_count_idle(struct scoreboard *board, int service);
/* A number for a client, the same in all workers, never 0; nobody outside can choose that of another. */
uint32_t scoreboard_client_number(const struct scoreboard_place *place, struct str client);
/* Who is served, whether it is the client's turn, and whether he would lose something; all end with scoreboard_idle(). */
void scoreboard_note_client(struct scoreboard_place *place, uint32_t client);
void scoreboard_note_wait(struct scoreboard_place *place, bool waits);
void scoreboard_note_engaged(struct scoreboard_place *place, bool engaged);
/* The client who is served has to give way; and: had this one to, within so many milliseconds? */
void scoreboard_note_gave_way(struct scoreboard_place *place);
bool scoreboard_gave_way(const struct scoreboard_place *place, uint32_t client, uint32_t within_ms);
/* A slot as crowd.h sees it, `owner` apart; false when it serves nobody known. */
struct crowd_seat;
bool scoreboard_seat(struct scoreboard *board, int slot, struct crowd_seat *seat);
/* All slots of the service that serve somebody known; at most `room`. */
size_t scoreboard_seats(struct scoreboard *board, int service, struct crowd_seat *seats,
                        size_t room);
