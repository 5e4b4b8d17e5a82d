#include "service/scoreboard.h"

#include "base/log.h"
#include "base/number.h"
#include "os/clock.h"
#include "service/crowd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t bit_of(int slot) { return UINT64_C(1) << (slot % SCOREBOARD_PER_BLOCK); }

static struct scoreboard_block *block_of(const struct scoreboard_place *place)
{
    return &place->board->blocks[place->slot / SCOREBOARD_PER_BLOCK];
}

static bool slot_from_environment(int *slot)
{
    const char *text = getenv(SERVICE_SLOT_ENV);
    int64_t value;

    if (text == NULL || !number_parse_range(str_from(text), 0, SCOREBOARD_SLOTS - 1, &value))
        return false;
    *slot = (int)value;
    return true;
}

void scoreboard_attach(struct scoreboard_place *place)
{
    struct stat st;

    *place = (struct scoreboard_place){ .slot = -1, .wake_fd = -1 };
    if (!slot_from_environment(&place->slot))
        return;
    if (fstat(SERVICE_FD_SCOREBOARD, &st) != 0 || st.st_size != (off_t)sizeof(struct scoreboard))
        log_fatal("the scoreboard of master(8) is of another version: restart the mail system");
    void *at = mmap(NULL, sizeof(struct scoreboard), PROT_READ | PROT_WRITE, MAP_SHARED,
                    SERVICE_FD_SCOREBOARD, 0);
    if (at == MAP_FAILED)
        log_fatal("map the scoreboard: %s", strerror(errno));
    place->board = at;
    place->wake_fd = SERVICE_FD_WAKE;
    scoreboard_move(place, place->slot);
}

void scoreboard_move(struct scoreboard_place *place, int slot)
{
    place->slot = slot;
    place->generation = atomic_load(&place->board->generation);
    atomic_store(&place->board->slots[slot].pid, getpid());
}

static int service_index(const struct scoreboard_place *place)
{
    int index = atomic_load(&place->board->slots[place->slot].service);

    return index >= 0 && index < SCOREBOARD_SERVICES ? index : 0;
}

struct scoreboard_service *scoreboard_service_of(const struct scoreboard_place *place)
{
    return place->board ? &place->board->services[service_index(place)] : NULL;
}

bool scoreboard_is_replaced(const struct scoreboard_place *place)
{
    return place->board && atomic_load(&place->board->generation) != place->generation;
}

int scoreboard_count_idle(struct scoreboard *board, int service)
{
    int at = atomic_load(&board->services[service].first_block);
    int count = 0;

    /* The number of steps is bounded because a daemon gone bad may have bent the chain to a ring. */
    for (int steps = 0; at >= 0 && at < SCOREBOARD_BLOCKS && steps < SCOREBOARD_BLOCKS; steps++) {
        count += __builtin_popcountll(atomic_load(&board->blocks[at].idle));
        at = atomic_load(&board->blocks[at].next);
    }
    return count;
}

bool scoreboard_has_idle(struct scoreboard *board, int service)
{
    int at = atomic_load(&board->services[service].first_block);

    for (int steps = 0; at >= 0 && at < SCOREBOARD_BLOCKS && steps < SCOREBOARD_BLOCKS; steps++) {
        if (atomic_load(&board->blocks[at].idle))
            return true;
        at = atomic_load(&board->blocks[at].next);
    }
    return false;
}

/* Never 0, which means that nobody waits. */
static uint32_t now_ms(void) { return (uint32_t)clock_now_ms() | 1; }

uint32_t scoreboard_client_number(const struct scoreboard_place *place, struct str client)
{
    return place->board ? (uint32_t)siphash(&place->board->secret, client) | 1 : 1;
}

void scoreboard_note_client(struct scoreboard_place *place, uint32_t client)
{
    if (place->board)
        atomic_store(&place->board->slots[place->slot].client, client);
}

void scoreboard_note_wait(struct scoreboard_place *place, bool waits)
{
    struct scoreboard_slot *slot;

    if (place->board == NULL)
        return;
    slot = &place->board->slots[place->slot];
    if (!waits)
        atomic_store_explicit(&slot->waits_since, 0, memory_order_relaxed);
    else if (atomic_load_explicit(&slot->waits_since, memory_order_relaxed) == 0)
        atomic_store_explicit(&slot->waits_since, now_ms(), memory_order_relaxed);
}

void scoreboard_note_engaged(struct scoreboard_place *place, bool engaged)
{
    if (place->board)
        atomic_store_explicit(&place->board->slots[place->slot].engaged, engaged,
                              memory_order_relaxed);
}

void scoreboard_note_gave_way(struct scoreboard_place *place)
{
    struct scoreboard_service *row = scoreboard_service_of(place);

    if (row == NULL)
        return;
    uint32_t client = atomic_load(&place->board->slots[place->slot].client);
    uint32_t at = atomic_fetch_add(&row->gave_way_next, 1) % SCOREBOARD_GAVE_WAY;
    atomic_store(&row->gave_way[at], (uint64_t)client << 32 | now_ms());
}

bool scoreboard_gave_way(const struct scoreboard_place *place, uint32_t client, uint32_t within_ms)
{
    struct scoreboard_service *row = scoreboard_service_of(place);

    for (int i = 0; row && i < SCOREBOARD_GAVE_WAY; i++) {
        uint64_t entry = atomic_load_explicit(&row->gave_way[i], memory_order_relaxed);
        if (entry >> 32 == client && now_ms() - (uint32_t)entry <= within_ms)
            return true;
    }
    return false;
}

bool scoreboard_seat(struct scoreboard *board, int slot, struct crowd_seat *seat)
{
    const struct scoreboard_slot *s = &board->slots[slot];
    uint32_t since = atomic_load(&s->waits_since), client = atomic_load(&s->client);

    if (client == 0 || atomic_load(&s->state) != SLOT_BUSY)
        return false;
    *seat = (struct crowd_seat){ .client = client,
                                 .idle_ms = since ? now_ms() - since : 0,
                                 .engaged = atomic_load(&s->engaged) };
    return true;
}

static size_t block_seats(struct scoreboard *board, int block, struct crowd_seat *seats,
                          size_t room)
{
    size_t count = 0;

    for (int i = 0; i < SCOREBOARD_PER_BLOCK && count < room; i++)
        count += scoreboard_seat(board, block * SCOREBOARD_PER_BLOCK + i, &seats[count]);
    return count;
}

size_t scoreboard_seats(struct scoreboard *board, int service, struct crowd_seat *seats,
                        size_t room)
{
    int at = atomic_load(&board->services[service].first_block);
    size_t count = 0;

    for (int steps = 0; at >= 0 && at < SCOREBOARD_BLOCKS && steps < SCOREBOARD_BLOCKS; steps++) {
        count += block_seats(board, at, seats + count, room - count);
        at = atomic_load(&board->blocks[at].next);
    }
    return count;
}

void scoreboard_idle(struct scoreboard_place *place)
{
    if (place->board == NULL)
        return;
    scoreboard_note_client(place, 0);
    scoreboard_note_wait(place, false);
    scoreboard_note_engaged(place, false);
    atomic_fetch_or(&block_of(place)->idle, bit_of(place->slot));
    atomic_store(&place->board->slots[place->slot].state, SLOT_IDLE);
}

/* Clear our bit first and look at the others afterwards: of two workers that become busy at the same
 * moment at least one sees that nobody is left, and tells master. */
static void give_up_idleness(struct scoreboard_place *place)
{
    struct scoreboard *board = place->board;
    int service = service_index(place);

    uint64_t before = atomic_fetch_and(&block_of(place)->idle, ~bit_of(place->slot));
    atomic_store(&board->slots[place->slot].state, SLOT_BUSY);
    if (before & ~bit_of(place->slot) || scoreboard_has_idle(board, service))
        return;
    if (atomic_exchange(&board->services[service].pressure, 1) == 0 &&
        write(place->wake_fd, "", 1) < 0 && errno != EAGAIN &&
        errno != EPIPE) /* master is gone: this client is our last */
        log_fatal("wake master(8): %s", strerror(errno));
}

void scoreboard_busy(struct scoreboard_place *place)
{
    if (place->board == NULL)
        return;
    give_up_idleness(place);
    atomic_fetch_add(&place->board->slots[place->slot].served, 1);
    atomic_fetch_add(&scoreboard_service_of(place)->uses, 1);
}

void scoreboard_leave(struct scoreboard_place *place)
{
    if (place->board)
        give_up_idleness(place);
}
