#include "nexthop/target.h"

void target_add(struct target_list *l, struct arena *a, const struct target_server *server)
{
    if (l->count == TARGET_SERVERS_MAX)
        return;
    if (l->count == l->room) {
        size_t room = l->room ? l->room * 2 : 8;
        struct target_server *more = arena_alloc(a, room * sizeof *more);
        if (l->count)
            memcpy(more, l->servers, l->count * sizeof *more);
        l->servers = more;
        l->room = room;
    }
    l->servers[l->count++] = *server;
}

struct str target_shown(const struct target_server *server, bool with_port, struct arena *a)
{
    BUF_AUTO(text, 1024);

    buf_join(&text, server->name, STR("["), server->address, STR("]"));
    if (with_port && server->path.ptr == NULL)
        buf_addf(&text, ":%d", server->port);
    return arena_str(a, buf_str(&text));
}
