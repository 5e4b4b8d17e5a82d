#pragma once
/* service/scoreboard - shared memory in which workers account for themselves, so that master(8) sleeps
 * while mail flows (DESIGN section 4).
 *
 * master makes one memfd; every worker gets it as SERVICE_FD_SCOREBOARD and its slot number in the
 * environment (RELEVO_SLOT).  A worker that takes the last idle place of its service writes to the wake
 * eventfd; only then master listens for that service itself and starts another worker when a client comes.
 * State is per slot, so that master repairs the count of a worker that was killed. */
#include "base/attr.h"

#include <stdatomic.h>
#include <stdint.h>

/* Descriptors that master hands down. */
enum {
    SERVICE_FD_GENERATION = 3, /* pipe, read end: EOF means this generation is over or master is gone */
    SERVICE_FD_SCOREBOARD = 4,
    SERVICE_FD_WAKE = 5,       /* eventfd towards master */
    SERVICE_FD_LOG = 6,        /* maillog_file, O_APPEND; or /dev/null's place when unused (closed) */
    SERVICE_FD_LISTEN = 7,     /* first of -s N listening sockets */
};

#define SCOREBOARD_SERVICES 1024
#define SCOREBOARD_SLOTS    8192

enum scoreboard_state { SLOT_FREE, SLOT_STARTING, SLOT_IDLE, SLOT_BUSY };

struct scoreboard_service {
    _Atomic int32_t idle;     /* workers in SLOT_IDLE */
    _Atomic int32_t pressure; /* set by a worker that found no idle sibling; cleared by master */
    _Atomic int64_t stress_until; /* wall-clock seconds */
    _Atomic uint64_t uses;
};

struct scoreboard_slot {
    _Atomic int32_t state;   /* enum scoreboard_state */
    _Atomic int32_t pid;
    _Atomic int32_t service; /* index into services */
    _Atomic uint32_t served; /* clients served: 0 at death means a bad start */
};

struct scoreboard {
    struct scoreboard_service services[SCOREBOARD_SERVICES];
    struct scoreboard_slot slots[SCOREBOARD_SLOTS];
};

/* A worker's view of its own slot. */
struct scoreboard_place {
    struct scoreboard *board; /* NULL: standalone */
    int slot;
    int wake_fd;
};

/* From the inherited descriptors and the environment; a place without a board when not under master. */
void scoreboard_attach(struct scoreboard_place *place);
void scoreboard_idle(struct scoreboard_place *place);
void scoreboard_busy(struct scoreboard_place *place);
