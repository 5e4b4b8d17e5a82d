#pragma once
/* os/cargo - descriptors that travel with the bytes of a UNIX stream.
 *
 * A second set of operations for os/stream: one descriptor goes out with the first of the bytes that are written next, and
 * those that come in are kept, in order, for who takes them.  Nothing else changes, and no system call is added. */
#include "os/stream.h"

#define CARGO_ROOM 4 /* what comes in and finds no room is closed: its taker reads frame by frame */

struct cargo {
    int out; /* closed when it has gone, or with the stream; -1: none */
    int in[CARGO_ROOM];
    int waiting; /* how many */
};
#define CARGO_NONE \
    {              \
        .out = -1  \
    }

/* From now on `s` carries; the cargo is borrowed, and emptied when the stream ends. */
void cargo_attach(struct stream *s, struct cargo *cargo);
/* The first of those that came with the bytes read so far, -1 for none; the caller's now. */
NODISCARD int cargo_take(struct cargo *cargo);
