/* Slots of the scoreboard.  What master knows about them it keeps for itself; the shared memory only holds
 * what workers write. */
#include "base/log.h"
#include "base/mem.h"
#include "master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void board_create(struct master *m)
{
    m->board_fd = memfd_create("relevo-scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (m->board_fd < 0 || ftruncate(m->board_fd, sizeof *m->board) != 0)
        log_fatal("scoreboard: %s", strerror(errno));
    void *at = mmap(NULL, sizeof *m->board, PROT_READ | PROT_WRITE, MAP_SHARED, m->board_fd, 0);
    if (at == MAP_FAILED)
        log_fatal("scoreboard: %s", strerror(errno));
    m->board = at;
    m->board->secret = siphash_new_key();
    /* Nobody may shrink it under the others. */
    (void)fcntl(m->board_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    /* Nobody but us can read it, so nobody can take a wake-up away. */
    if (pipe2(m->wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        log_fatal("pipe: %s", strerror(errno));
}

bool board_add_service(struct master *m, struct service *s)
{
    for (int i = 0; i < SCOREBOARD_SERVICES; i++) {
        struct scoreboard_service *row = &m->board->services[i];
        if (m->by_index[i])
            continue;
        m->by_index[i] = s;
        s->index = i;
        atomic_store(&row->first_block, SCOREBOARD_NO_BLOCK);
        atomic_store(&row->pressure, 1);
        atomic_store(&row->stress_until, 0);
        atomic_store(&row->uses, 0);
        s->pressure_known = true;
        return true;
    }
    return false;
}

void board_remove_service(struct master *m, struct service *s)
{
    atomic_store(&m->board->services[s->index].first_block, SCOREBOARD_NO_BLOCK);
    for (size_t i = 0; i < s->block_count; i++)
        m->blocks_used[s->blocks[i]] = false;
    free(s->blocks);
    s->blocks = NULL;
    s->block_count = 0;
    m->by_index[s->index] = NULL;
}

static int find_free_block(const struct master *m)
{
    for (int i = 0; i < SCOREBOARD_BLOCKS; i++)
        if (!m->blocks_used[i])
            return i;
    return -1;
}

/* The new block is complete before the chain leads to it. */
static int add_block(struct master *m, struct service *s)
{
    int block = find_free_block(m);

    if (block < 0)
        return -1;
    m->blocks_used[block] = true;
    m->slots_used[block] = 0;
    atomic_store(&m->board->blocks[block].idle, 0);
    atomic_store(&m->board->blocks[block].next, SCOREBOARD_NO_BLOCK);
    if (s->block_count == 0)
        atomic_store(&m->board->services[s->index].first_block, block);
    else
        atomic_store(&m->board->blocks[s->blocks[s->block_count - 1]].next, block);
    s->blocks = mem_resize(s->blocks, (s->block_count + 1) * sizeof *s->blocks);
    s->blocks[s->block_count++] = block;
    return block;
}

static int take_in_block(struct master *m, struct service *s, int block)
{
    int bit = __builtin_ctzll(~m->slots_used[block]);
    int slot = block * SCOREBOARD_PER_BLOCK + bit;
    struct scoreboard_slot *row = &m->board->slots[slot];

    m->slots_used[block] |= UINT64_C(1) << bit;
    atomic_store(&row->service, s->index);
    atomic_store(&row->served, 0);
    atomic_store(&row->pid, 0);
    atomic_store(&row->state, SLOT_STARTING);
    return slot;
}

int board_take_slot(struct master *m, struct service *s)
{
    for (size_t i = 0; i < s->block_count; i++)
        if (m->slots_used[s->blocks[i]] != UINT64_MAX)
            return take_in_block(m, s, s->blocks[i]);
    int block = add_block(m, s);
    return block < 0 ? -1 : take_in_block(m, s, block);
}

unsigned board_release_slot(struct master *m, int slot)
{
    int block = slot / SCOREBOARD_PER_BLOCK;
    uint64_t bit = UINT64_C(1) << (slot % SCOREBOARD_PER_BLOCK);
    struct scoreboard_slot *row = &m->board->slots[slot];
    unsigned served = atomic_load(&row->served);

    atomic_fetch_and(&m->board->blocks[block].idle, ~bit);
    atomic_store(&row->state, SLOT_FREE);
    atomic_store(&row->pid, 0);
    m->slots_used[block] &= ~bit;
    return served;
}

bool board_is_starting(struct master *m, int slot)
{
    return atomic_load(&m->board->slots[slot].state) == SLOT_STARTING;
}
