#pragma once
/* ipc/desk - the server's side of frames in an epoll loop: clients that ask and get answers, each in its own time. */
#include "ipc/channel.h"
#include "os/loop.h"

struct desk {
    struct loop *loop;
    /* One question; what is answered goes to `out` (channel_frame), or nothing.  False: this is no client of ours. */
    bool (*answer)(void *context, char kind, struct str body, struct buf *out);
    /* Asked before questions are read; false: this process answers no more, the client may ask its successor.  NULL: it
     * always does. */
    bool (*is_open)(void *context);
    void *context;
};

/* Serve the client at `fd`, which belongs to the desk from now on, until it goes away.  `desk` outlives it. */
void desk_serve(const struct desk *desk, int fd);
