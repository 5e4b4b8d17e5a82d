#pragma once
#include "base/attr.h"
#include "base/buf.h"
#include "os/clock.h"

#include <sys/types.h>

enum io_result { IO_OK, IO_EOF, IO_TIMEOUT, IO_ERROR }; /* IO_ERROR: see errno */

/* Close and forget: sets *fd to -1; -1 is fine.  fd_auto has scope lifetime: `FD_AUTO(fd, open(...));` */
void fd_close(int *fd);
#define FD_AUTO(name, value) CLEANUP(fd_close) int name = (value)

/* Write everything to a descriptor (a file, or a blocking socket whose timeouts are set). */
NODISCARD bool fd_write_all(int fd, struct str bytes);
/* The same; for one that does not block, whose reader has until then (ETIMEDOUT). */
NODISCARD bool fd_write_until(int fd, struct str bytes, struct deadline until);
NODISCARD bool fd_pwrite_all(int fd, struct str bytes, off_t at);
/* Append up to `max` bytes to `into` with one read.  IO_OK means at least one byte came. */
NODISCARD enum io_result fd_read(int fd, struct buf *into, size_t max);
/* The rest of an open file; false on error or when it is longer than the buffer's ceiling (EFBIG). */
NODISCARD bool fd_read_all(int fd, struct buf *into);
/* The whole of an open file from its beginning; its offset, which others may share, stays. */
NODISCARD bool fd_pread_all(int fd, struct buf *into);
/* The whole of a small file, likewise. */
NODISCARD bool fd_read_file(int dirfd, const char *path, struct buf *into);
/* Likewise, but what could keep its reader waiting is refused (EINVAL): a named pipe. */
NODISCARD bool fd_read_plain_file(const char *path, struct buf *into);
/* The directory that `path` names something in, for openat(2) and its like; `name` is what follows, in `path`.  -1:
 * errno. */
NODISCARD int fd_open_parent(const char *path, const char **name);
/* A log file for appending, with more `flags` of open(2); one that is made gets mode 0600.  -1: errno.  Who may rename
 * what is in the directory does not choose which file is written: a link counts only when it and its directory belong
 * to root or to us (ELOOP), and in a directory of somebody else a file has no second name (EMLINK). */
NODISCARD int fd_open_log(const char *path, int flags);
/* A name for libraries that open by name only: it leads to the open file, wherever that was moved. */
struct fd_name {
    char text[32];
};
struct fd_name fd_name(int fd);
void fd_set_nonblocking(int fd, bool on);
void fd_set_cloexec(int fd, bool on);
/* Wait until `fd` is ready for POLLIN / POLLOUT events. */
NODISCARD enum io_result fd_wait(int fd, short events, struct deadline until);
/* Pass a descriptor over a UNIX socket, with one byte of payload; `flags` as of send(2). */
NODISCARD bool fd_send(int socket, int fd, int flags);
NODISCARD int fd_receive(int socket); /* -1: errno */
/* The same with bytes that mean something, as send(2) and recv(2).  `*fd` is -1 when none came. */
NODISCARD ssize_t fd_send_with(int socket, struct str bytes, int fd, int flags);
NODISCARD ssize_t fd_receive_with(int socket, void *into, size_t room, int flags, int *fd);
