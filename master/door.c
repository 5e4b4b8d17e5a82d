/* Doors between the services (os/door.h): who may call whom is a matter of which descriptors a process is started
 * with. */
#include "os/door.h"

#include "base/log.h"
#include "master/master.h"
#include "os/fd.h"
#include "service/trust.h"

#include <errno.h>

/* Services of the network, and those that only take datagrams or bytes, are reached otherwise. */
static bool has_door(const struct service *s)
{
    return s->line.type == MASTER_UNIX || s->line.type == MASTER_PASS;
}

void door_open_service(struct service *s)
{
    if (!has_door(s) || s->door[0] >= 0)
        return;
    if (door_open(s->door) != 0)
        log_fatal("service %s: make a door: %s", s->line.name, strerror(errno));
}

void door_close_service(struct service *s)
{
    fd_close(&s->door[0]);
    fd_close(&s->door[1]);
}

/* The one that writes caches is for the few who keep one. */
static struct str program_of(const struct service *s)
{
    bool writes = str_equal(str_from(s->line.name), site_conf.proxywrite_service_name);

    return writes ? STR("proxywrite") : str_from(s->line.command);
}

static bool is_meant(const struct service *caller, const char *call, const struct service *s)
{
    struct str what = str_from(call);

    if (!str_skip_prefix(&what, STR("$")))
        return str_equal(what, program_of(s));
    struct str transport = config_value_for(caller->master->conf, &caller->line, what);
    return str_equal(str_cut(&transport, ':'), str_from(s->line.name));
}

static bool may_call(const struct service *caller, const struct service *s)
{
    const struct trust *trust = trust_of(caller->line.command);

    if (s->line.only_for && strcmp(s->line.only_for, caller->line.label) != 0)
        return false;
    for (const char *const *call = trust ? trust->calls : NULL; call && *call; call++)
        if (is_meant(caller, *call, s))
            return true;
    return false;
}

size_t door_hand_down(const struct service *caller, int first, struct handed_down *table,
                      size_t room, struct buf *names)
{
    size_t count = 0;

    LIST_FOREACH(&caller->master->services, node)
    {
        const struct service *s = LIST_ITEM(node, struct service, node);
        if (s->door[1] < 0 || s->listener_count == 0 || !may_call(caller, s) || count == room)
            continue;
        int to = first + (int)count;
        table[count++] = (struct handed_down){ s->door[1], to };
        buf_join(names, str_from(s->listeners[0].where), STR("="));
        buf_add_int(names, to);
        buf_add_cstr(names, " ");
    }
    return count;
}
