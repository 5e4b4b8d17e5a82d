#include "base/log.h"
#include "os/fd.h"
#include "text/json_write.h"
#include "tools/postmulti/multi.h"

#include <unistd.h>

static const char *or_dash(const char *text) { return *text ? text : "-"; }

static void add_row(struct buf *out, const struct instance *i)
{
    buf_addf(out, "%-15s %-15s %-9s %s\n", or_dash(i->name), or_dash(i->group),
             i->enabled ? "y" : "n", i->config_directory);
}

static void add_json(struct buf *out, const struct instance *i)
{
    buf_addc(out, '{');
    json_add_member(out, "name", str_from(or_dash(i->name)));
    buf_addc(out, ',');
    json_add_member(out, "group", str_from(or_dash(i->group)));
    buf_addc(out, ',');
    json_add_member(out, "enabled", i->enabled ? STR("y") : STR("n"));
    buf_addc(out, ',');
    json_add_member(out, "config_directory", str_from(i->config_directory));
    buf_add(out, STR("}\n"));
}

void list_instances(const struct site *s, const struct request *r)
{
    BUF_AUTO(out, 0);

    for (size_t n = 0; n < s->count; n++) {
        const struct instance *i = &s->list[r->reverse ? s->count - 1 - n : n];
        if (is_selected(r, i))
            (r->json ? add_json : add_row)(&out, i);
    }
    if (!fd_write_all(STDOUT_FILENO, buf_str(&out)))
        log_fatal("write error: %m");
}
