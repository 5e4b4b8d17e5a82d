#pragma once
/* os/door - how a daemon reaches its siblings: by what it holds, not by what it can name.
 *
 * master(8) makes a pair of connected sockets for each service and hands the calling end only to the processes
 * that may call it (service/trust.def).  To connect is to make a pair of stream sockets and to send one of
 * them through the door; the service takes it there as it would take a client from its listening socket.
 * So a daemon needs no right to make UNIX sockets, and what it was not handed does not exist for it.
 *
 * A door also carries notes, which are bytes without a connection: requests that have no answer.
 *
 * Commands and daemons without master connect by path, as everybody else does. */
#include "base/attr.h"
#include "base/buf.h"

#include <stddef.h>

#define DOORS_ENV \
    "RELEVO_DOORS" /* PATH=DESCRIPTOR ..., as listening sockets are named: "private/bounce=12" */
#define DOOR_NOTE_MAX 64

/* Under master(8), once and before anything is called. */
void door_attach(void);
/* A blocking stream to the service at `path` ("public/cleanup").  Waits at most `patience_s` seconds while too
 * many wait already; 0: not at all (EAGAIN).  -1: errno; ENOENT: that service is not ours to call, or there is none. */
NODISCARD int door_connect(const char *path, int patience_s);
/* Never waits.  False: errno; ENOENT when there is no door of that name (without master there is none). */
NODISCARD bool door_note(const char *path, struct str note);
/* Were we handed the door of the service at `path`? */
bool door_is_there(const char *path);
/* Are we a process that has doors? */
bool door_is_only_way(void);

/* ---- the other side */

/* `ends[0]` is the service's, `ends[1]` the callers'.  -1: errno. */
NODISCARD int door_open(int ends[2]);

/* What came through: a connection, or a note when `fd` is -1. */
struct door_message {
    int fd;
    size_t len;
    char note[DOOR_NOTE_MAX];
};
/* Take up to `max` messages (at most DOOR_BATCH) without waiting; their number, 0 when there are none. */
#define DOOR_BATCH 16
size_t door_take(int door, struct door_message *messages, size_t max);
