#pragma once
/* ipc/desk - the server's side of frames in an epoll loop: clients that ask and get answers, each in its own time. */
#include "ipc/channel.h"
#include "os/loop.h"

struct desk_client {
    const struct desk *desk;
    int fd;
    int passed; /* a descriptor that came with the question under way, for as long as that is; -1: none */
    void *data; /* what the desk's owner keeps for this client */
    struct buf in, out;
};

struct desk {
    struct loop *loop;
    /* One question; what is answered goes to `c->out` (channel_frame), or nothing.  False: this is no client of ours. */
    bool (*answer)(void *context, struct desk_client *c, char kind, struct str body);
    void (*leave)(void *context, struct desk_client *c); /* the client has gone; may be NULL */
    /* Asked before questions are read; false: this process answers no more, the client may ask its successor.  NULL: it
     * always does. */
    bool (*is_open)(void *context);
    void *context;
};

/* Serve the client at `fd`, which belongs to the desk from now on, until it goes away.  `desk` outlives it. */
void desk_serve(const struct desk *desk, int fd);
/* Did root make the client's connection? */
bool desk_client_is_root(const struct desk_client *c);
