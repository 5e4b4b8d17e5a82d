#pragma once
/* os/cargo - descriptors that travel with the bytes of a UNIX stream.
 *
 * A second set of operations for os/stream: one descriptor goes out with the first of the bytes that are written next, and
 * one that comes in is kept for who takes it.  Nothing else changes, and no system call is added. */
#include "os/stream.h"

struct cargo {
    int out; /* closed when it has gone, or with the stream; -1: none */
    int in;  /* -1: none came */
};
#define CARGO_NONE          \
    {                       \
        .out = -1, .in = -1 \
    }

/* From now on `s` carries; the cargo is borrowed, and emptied when the stream ends. */
void cargo_attach(struct stream *s, struct cargo *cargo);
/* What came with the bytes read so far, -1 for nothing; the caller's now. */
NODISCARD int cargo_take(struct cargo *cargo);
