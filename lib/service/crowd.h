#pragma once
/* service/crowd - when all processes of a service are taken by clients that say nothing, who has to go?  Pure.
 *
 * A seat is a process that serves a client.  Clients that hold more idle seats than others give way: the longest idle
 * seat of the greediest is freed, and a client that has its share gets no more.  Who works is left alone. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CROWD_IDLE_MS 500 /* a client that thinks longer than this between two commands is idle */
/* So many idle seats are not yet greed: a service with two processes may serve one client with both. */
#define CROWD_FAIR 2

struct crowd_seat {
    uint32_t client;  /* equal for the same client */
    uint32_t idle_ms; /* how long it has said nothing, 0 when it is not its turn */
    int owner;        /* the caller's business */
};

/* The seat to be freed; NULL when nobody idle has more than CROWD_FAIR.  Sorts the seats. */
struct crowd_seat *crowd_choose(struct crowd_seat *seats, size_t count);
/* How many idle seats `client` has if it holds its share or more and is mostly idle, 0 if it may have another one.  Sorts
 * the seats. */
int crowd_share_is_used(struct crowd_seat *seats, size_t count, uint32_t client);
