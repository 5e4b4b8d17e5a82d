#pragma once
/* postscreen/relay - one client of postscreen whose TLS is ours: it speaks TLS at one end, postscreen plain text at the other. */
#include "os/loop.h"
#include "tls/tls.h"

struct relay_rules {
    struct loop *loop;
    struct tls_engine *engine; /* NULL: requests are answered with no */
    unsigned log;              /* classes of TLS sessions */
    size_t relays;             /* that are there */
};

/* A connection of postscreen, which is ours from now on; the rules outlive it. */
void relay_start(struct relay_rules *rules, int fd);
