#pragma once
/* postscreen/relay - one client of postscreen whose TLS is ours: it speaks TLS at one end, postscreen plain text at the other. */
#include "os/loop.h"
#include "postscreen/doors.h"

struct relay_rules {
    struct loop *loop;
    const struct doors *doors;
    size_t relays; /* that are there */
};

/* A connection of postscreen, which is ours from now on; the rules outlive it. */
void relay_start(struct relay_rules *rules, int fd);
