#pragma once
/* table/plugins/hosts - the data base servers of one table: which one is asked next.  Pure; the time is an argument. */
#include "base/arena.h"

#include <stdint.h>

enum host_kind { HOST_UNIX, HOST_INET, HOST_URI }; /* in the order in which they are tried */

struct host {
    struct str text; /* as it was configured */
    enum host_kind kind;
    const char *name; /* path of a socket, host name, or the whole URI */
    const char *port; /* NULL: the library's default */
    void *connection; /* the caller's; NULL: none */
    int64_t retry_at; /* has failed: left alone until then; 0: has not */
    int64_t used_at;
};

struct hosts {
    struct host *list;
    size_t count;
    int retry_s, idle_s;
};

/* `text` is a list of unix:/path, inet:host[:port], host[:port], /path and URIs; with one host there are two of it, so that it is
 * tried once more within a lookup. */
void hosts_parse(struct hosts *h, struct arena *a, struct str text);
/* A connected one if there is any, else one that has not failed, or has long ago; of several of the same kind any, by
 * `random`.  NULL: there is none. */
struct host *hosts_choose(struct hosts *h, int64_t now, uint32_t random);
void hosts_note_failure(struct hosts *h, struct host *one, int64_t now);
void hosts_note_use(struct host *one, int64_t now);
/* Has been of no use for so long that its connection is to be closed. */
bool hosts_is_idle(const struct hosts *h, const struct host *one, int64_t now);
