/* A queue file of any bytes is read to an end: no record lies outside the file, and the reader never runs in
 * a circle, whatever the pointers say. */
#include "queue/file.h"

#include <stdlib.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void read_all(const uint8_t *data, size_t size, bool follow)
{
    struct queue_file f;
    struct record rec;
    size_t total = 0;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    check(fd >= 0 && fd_write_all(fd, (struct str){ (const char *)data, size }));
    queue_file_init(&f, fd);
    f.follow = follow;
    while (queue_file_read(&f, &rec) == QUEUE_READ_RECORD) {
        check(f.record_at >= 0 && f.record_at + 2 + (int64_t)rec.payload.len <= (int64_t)size);
        check(data[f.record_at] == (uint8_t)rec.type);
        total += 2 + rec.payload.len;
        check(total <= size);
    }
    queue_file_close(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_all(data, size, true);
    read_all(data, size, false);
    return 0;
}
