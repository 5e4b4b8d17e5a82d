#include "conf/internal.h"
#include "conf/own_networks.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#define SYSTEM_NAME_SIZE (HOST_NAME_MAX + 1)

/* A default being computed: where other values come from, and where it goes. */
struct question {
    const struct default_source *from;
    struct buf *answer, *error;
};

static bool ask(struct question *q, struct str name, struct str *value)
{
    return q->from->value(q->from->context, name, q->from->depth, value, q->error);
}

static struct str system_name(char *room)
{
    if (gethostname(room, SYSTEM_NAME_SIZE) < 0)
        return STR("localhost");
    room[SYSTEM_NAME_SIZE - 1] = '\0';
    return str_from(room);
}

static bool default_myhostname(struct question *q)
{
    char room[SYSTEM_NAME_SIZE];
    struct str name = system_name(room), domain;

    buf_add(q->answer, name);
    if (str_has(name, '.'))
        return true;
    if (!ask(q, STR("mydomain"), &domain))
        return false;
    buf_join(q->answer, STR("."), domain);
    return true;
}

static bool default_mydomain(struct question *q)
{
    char room[SYSTEM_NAME_SIZE];
    struct str name = STR_NONE;

    if (!q->from->is_set(q->from->context, STR("myhostname")))
        name = system_name(room);
    else if (!ask(q, STR("myhostname"), &name))
        return false;
    str_cut(&name, '.');
    buf_add(q->answer, name.len ? name : STR("localdomain"));
    return true;
}

static bool default_mynetworks(struct question *q)
{
    struct own_networks_options o;

    return ask(q, STR("inet_interfaces"), &o.interfaces) &&
           ask(q, STR("inet_protocols"), &o.protocols) &&
           ask(q, STR("mynetworks_style"), &o.style) &&
           own_networks_format(&o, q->answer, q->error);
}

static bool default_process_id(struct question *q)
{
    buf_add_int(q->answer, getpid());
    return true;
}

static bool default_process_name(struct question *q)
{
    buf_add_cstr(q->answer, program_invocation_short_name);
    return true;
}

static bool default_config_directory(struct question *q)
{
    buf_add_cstr(q->answer, q->from->directory);
    return true;
}

static const struct computed {
    struct str name;
    bool (*compute)(struct question *q);
} computed[] = {
    { STR("myhostname"), default_myhostname },
    { STR("mydomain"), default_mydomain },
    { STR("mynetworks"), default_mynetworks },
    { STR("process_id"), default_process_id },
    { STR("process_name"), default_process_name },
    { STR("config_directory"), default_config_directory },
};

bool default_compute(const struct default_source *from, struct str name, struct buf *answer,
                     struct buf *error)
{
    struct question q = { from, answer, error };

    for (size_t i = 0; i < ARRAY_LEN(computed); i++)
        if (str_equal(computed[i].name, name))
            return computed[i].compute(&q);
    return true;
}
