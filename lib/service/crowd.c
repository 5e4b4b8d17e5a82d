#include "service/crowd.h"

#include "base/attr.h"

#include <stdlib.h>

/* By client, the longest idle seat of each first. */
static int compare(const void *pa, const void *pb)
{
    const struct crowd_seat *a = pa, *b = pb;

    if (a->client != b->client)
        return a->client < b->client ? -1 : 1;
    return (a->idle_ms < b->idle_ms) - (a->idle_ms > b->idle_ms);
}

static void sort(struct crowd_seat *seats, size_t count)
{
    if (count > 1)
        qsort(seats, count, sizeof *seats, compare);
}

/* The client whose seats begin at `at`: where they end, and how many of them are idle. */
static size_t group_end(const struct crowd_seat *seats, size_t count, size_t at, int *idle)
{
    size_t end = at;

    *idle = 0;
    for (; end < count && seats[end].client == seats[at].client; end++)
        *idle += seats[end].idle_ms >= CROWD_IDLE_MS;
    return end;
}

static struct crowd_seat *longest_silent(struct crowd_seat *seats, size_t count)
{
    struct crowd_seat *found = NULL;

    for (size_t i = 0; i < count; i++)
        if (!seats[i].engaged && seats[i].idle_ms >= CROWD_SILENT_MS &&
            (found == NULL || seats[i].idle_ms > found->idle_ms))
            found = &seats[i];
    return found;
}

/* Where the seats of the greediest client begin; `count`: nobody is greedy. */
static size_t greediest(struct crowd_seat *seats, size_t count)
{
    size_t found = count;
    int most = CROWD_FAIR, idle;

    sort(seats, count);
    for (size_t at = 0, end; at < count; at = end) {
        end = group_end(seats, count, at, &idle);
        if (idle > most ||
            (found < count && idle == most && seats[at].idle_ms > seats[found].idle_ms)) {
            found = at;
            most = idle;
        }
    }
    return found;
}

struct crowd_seat *crowd_choose(struct crowd_seat *seats, size_t count)
{
    size_t found = greediest(seats, count);

    return found < count ? &seats[found] : longest_silent(seats, count);
}

int crowd_share_is_used(struct crowd_seat *seats, size_t count, uint32_t client)
{
    size_t clients = 1, own = 0; /* a newcomer has a share too */
    int idle, own_idle = 0;

    sort(seats, count);
    for (size_t at = 0, end; at < count; at = end, clients++) {
        end = group_end(seats, count, at, &idle);
        if (seats[at].client == client) {
            own = end - at;
            own_idle = idle;
        }
    }
    bool is_greedy = own >= MAX(count / clients, (size_t)1);
    return is_greedy && own_idle * 2 >= (int)own ? own_idle : 0;
}
