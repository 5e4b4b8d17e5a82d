#pragma once
/* service/crowd - when all processes of a service are taken by clients that say nothing, who has to go?  Pure.
 *
 * A seat is a process that serves a client.  Clients that hold more idle seats than others give way: the longest idle
 * seat of the greediest is freed, and a client that has its share gets no more.  When nobody has more than others, who has
 * been silent longest goes, unless he is in the middle of something.  Who works is left alone. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CROWD_IDLE_MS 500 /* a client that thinks longer than this between two commands is idle */
/* So many idle seats are not yet greed: a service with two processes may serve one client with both. */
#define CROWD_FAIR 2
/* Longer than this no client that means it keeps silent between two messages while others wait. */
#define CROWD_SILENT_MS 1000
/* Who had to give way is not let in again for so long while others wait. */
#define CROWD_AWAY_MS 10000

struct crowd_seat {
    uint32_t client;  /* equal for the same client */
    uint32_t idle_ms; /* how long it has said nothing, 0 when it is not its turn */
    bool engaged;     /* in the middle of something: a mail transaction */
    int owner;        /* the caller's business */
};

/* The seat to be freed; NULL when nobody has to go.  Sorts the seats. */
struct crowd_seat *crowd_choose(struct crowd_seat *seats, size_t count);
/* How many idle seats `client` has if it holds its share or more and is mostly idle, 0 if it may have another one.  Sorts
 * the seats. */
int crowd_share_is_used(struct crowd_seat *seats, size_t count, uint32_t client);
