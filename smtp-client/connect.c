#include "smtp-client/connect.h"

#include "base/log.h"
#include "nexthop/dial.h"

static void describe_peer(struct client_session *s, const struct target_server *server)
{
    s->name = arena_str(&s->arena, server->name);
    s->address = arena_str(&s->arena, server->address);
    s->port = server->port;
    s->shown = target_shown(server, false, &s->arena);
    s->relay = target_shown(server, true, &s->arena);
}

bool session_connect(struct client_session *s, const struct target_server *server, struct arena *a,
                     struct fault *fault)
{
    *s = CLIENT_SESSION_NONE;
    if (dial(server, &s->stream, a, fault)) {
        s->opened_ms = clock_now_ms();
        describe_peer(s, server);
        return true;
    }
    if (server->path.ptr == NULL)
        log_info(STR_FMT, STR_ARG(fault->text));
    return false;
}
