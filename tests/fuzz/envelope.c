/* Queue files as they may stand on a disk.  Invariants: reading ends, no recipient is taken that
 * is not an R record of the file, and reading in small portions finds the same recipients as
 * reading at once. */
#include "qmgr/envelope.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct str file;
    uint64_t digest;
    int count, limit;
};

static bool take(void *context, const struct envelope_rcpt *rcpt)
{
    struct seen *s = context;

    if (s->count >= s->limit)
        return false;
    if (rcpt->offset < 0 || (size_t)rcpt->offset >= s->file.len ||
        s->file.ptr[rcpt->offset] != REC_RCPT)
        abort();
    if (rcpt->text.address.len > RECORD_FACT_MAX || str_has(rcpt->text.address, '\0'))
        abort();
    s->digest = s->digest * 31 + (uint64_t)rcpt->offset;
    s->count++;
    return true;
}

static int file_of(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO(arena);
    struct str file = { (const char *)data, size };
    struct seen all = { .file = file, .limit = INT32_MAX }, parts = { .file = file, .limit = 2 };
    struct queue_file f;
    struct envelope e;

    queue_file_init(&f, file_of(data, size));
    if (envelope_read(&f, &arena, take, &all, &e) == ENVELOPE_OK) {
        queue_file_seek(&f, 0);
        if (envelope_read(&f, &arena, take, &parts, &e) != ENVELOPE_OK)
            abort();
        for (int rounds = 0; e.resume_at && rounds <= all.count; rounds++) {
            parts.limit = parts.count + 2;
            if (envelope_read_more(&f, &arena, take, &parts, &e) != ENVELOPE_OK)
                abort();
        }
        if (parts.count != all.count || parts.digest != all.digest)
            abort();
    } else if (e.trouble == NULL) {
        abort();
    }
    queue_file_close(&f);
    return 0;
}
