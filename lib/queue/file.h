#pragma once
/* queue/file - reading a queue file from disk, whoever wrote it.
 *
 * The file is read in large pieces.  Pointer records are followed; because no record of a sound file is read twice, a
 * reader that has consumed more bytes than the file has is in a loop, and the file is corrupt. */
#include "os/fd.h"
#include "queue/queue_id.h"
#include "queue/record.h"

#include <sys/stat.h>

struct queue_file {
    int fd;
    struct buf window; /* bytes of the file starting at window_at */
    int64_t window_at;
    int64_t next;      /* offset of the next record */
    int64_t record_at; /* offset of the record returned last (its type byte) */
    int64_t size;
    int64_t consumed; /* read as records since the last seek; more than `size`: a loop */
    int64_t work;     /* bytes read as records since the beginning: what reading has cost */
    bool follow;      /* pointers, and skip padding (default); false: return them */
};

enum queue_read {
    QUEUE_READ_RECORD,
    QUEUE_READ_END, /* physical end of file */
    QUEUE_READ_CORRUPT,
    QUEUE_READ_ERROR,
};

/* Takes the descriptor over. */
void queue_file_init(struct queue_file *f, int fd);
/* The same where fstat(2) has been asked. */
void queue_file_init_known(struct queue_file *f, int fd, const struct stat *st);
void queue_file_close(struct queue_file *f);
/* The payload is valid until the next call.  Padding is skipped; E is returned like any other record. */
NODISCARD enum queue_read queue_file_read(struct queue_file *f, struct record *rec);
/* Go on at another record; the guard against loops starts anew. */
void queue_file_seek(struct queue_file *f, int64_t offset);
/* Make a record of type `from` one of type `to` (R -> D); `offset` is that of its type byte.  Without fsync.  False:
 * errno; EBADMSG when something else stands there, and then nothing is written. */
NODISCARD bool queue_file_mark(int fd, int64_t offset, char from, char to);
