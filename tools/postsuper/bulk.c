/* Removing many files at once (super.h).
 *
 * A file system spends most of an unlink waiting for its journal and its block maps, not
 * computing, so a few processes side by side are three times as fast as one. */
#include "base/log.h"
#include "base/mem.h"
#include "tools/postsuper/super.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS      8
#define WORTH_A_FORK 500

/* Shared with the workers. */
struct tally {
    _Atomic int removed;
};

void bulk_add(struct bulk *b, const char *path)
{
    if (b->count == b->room) {
        b->room = b->room ? 2 * b->room : 256;
        b->paths = mem_resize(b->paths, b->room * sizeof *b->paths);
    }
    b->paths[b->count++] = arena_cstr(&b->memory, str_from(path));
}

/* Every `step`th path; says how many are gone by our hand. */
static int remove_share(const struct bulk *b, size_t first, size_t step)
{
    int removed = 0;

    for (size_t i = first; i < b->count; i += step) {
        if (unlink(b->paths[i]) == 0)
            removed++;
        else if (errno != ENOENT)
            log_warning("remove file %s: %s", b->paths[i], strerror(errno));
    }
    return removed;
}

/* A share that found no process of its own is done here. */
static void run_share(const struct bulk *b, size_t share, struct tally *tally, pid_t *worker)
{
    *worker = share + 1 < WORKERS ? fork() : -1;
    if (*worker > 0)
        return;
    atomic_fetch_add(&tally->removed, remove_share(b, share, WORKERS));
    if (*worker == 0)
        _exit(0);
}

static int remove_side_by_side(const struct bulk *b)
{
    pid_t workers[WORKERS];
    struct tally *tally =
        mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (tally == MAP_FAILED)
        return remove_share(b, 0, 1);
    for (size_t i = 0; i < WORKERS; i++)
        run_share(b, i, tally, &workers[i]);
    for (size_t i = 0; i < WORKERS; i++)
        while (workers[i] > 0 && waitpid(workers[i], NULL, 0) < 0 && errno == EINTR)
            continue;
    int removed = tally->removed;
    munmap(tally, sizeof *tally);
    return removed;
}

int bulk_remove(struct bulk *b)
{
    int removed = b->count < WORTH_A_FORK ? remove_share(b, 0, 1) : remove_side_by_side(b);

    free(b->paths);
    arena_free(&b->memory);
    *b = (struct bulk){ .count = 0 };
    return removed;
}
