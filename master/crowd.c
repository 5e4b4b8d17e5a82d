/* A service of strangers or users whose processes are all taken, while others wait: the longest idle clients of the
 * greediest addresses, or users, are called off (lib/service/crowd.h).  We look for that only as long as the limit is reached. */
#include "service/crowd.h"

#include "base/mem.h"
#include "master/master.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#define LOOK_MS    50
#define AT_ONCE_OF 16 /* one in so many processes is kept free of them */

static bool somebody_waits(const struct service *s)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        struct pollfd p = { .fd = s->listeners[i].fd, .events = POLLIN };
        if (poll(&p, 1, 0) > 0)
            return true;
    }
    return false;
}

/* Owners are process ids that we know ourselves: the scoreboard is not trusted with them. */
static size_t take_seats(const struct service *s, struct crowd_seat *seats)
{
    size_t count = 0;

    LIST_FOREACH(&s->children, node)
    {
        const struct child *c = LIST_ITEM(node, struct child, node);
        if (c->generation == s->master->generation && c->pid &&
            scoreboard_seat(s->master->board, c->slot, &seats[count]))
            seats[count++].owner = c->pid;
    }
    return count;
}

static void call_off(const struct service *s)
{
    struct crowd_seat *seats = mem_alloc(((size_t)s->running + 1) * sizeof *seats);
    size_t count = take_seats(s, seats);

    int wanted = s->running / AT_ONCE_OF + 1 - (s->running - (int)count);

    for (int i = 0; i < wanted; i++) {
        struct crowd_seat *chosen = crowd_choose(seats, count);
        if (chosen == NULL)
            break;
        (void)kill(chosen->owner, SIGUSR2);
        *chosen = seats[--count];
    }
    free(seats);
}

static void look(void *context)
{
    struct service *s = context;

    s->crowd = NULL;
    if (somebody_waits(s))
        call_off(s);
    demand_check(s); /* comes back to us while it is crowded */
}

void crowd_watch(struct service *s)
{
    if (s->crowd == NULL)
        s->crowd = loop_timer_start(s->master->loop, LOOK_MS, look, s);
}
