#include "postscreen/say.h"

#include "base/log.h"
#include "smtp/footer.h"

#include <time.h>

#define REPLY_MAX 16384

static void add_time(struct buf *out)
{
    char text[64];
    time_t now = time(NULL);
    struct tm local;

    localtime_r(&now, &local);
    buf_add(out, (struct str){ text, strftime(text, sizeof text, "%b %d %H:%M:%S", &local) });
}

struct values {
    const struct client *client;
    struct buf text;
};

static bool footer_value(const void *context, struct str name, struct str *value)
{
    struct values *v = *(struct values *const *)context;

    buf_clear(&v->text);
    if (str_equal(name, STR("client_address")))
        buf_add(&v->text, client_address(v->client));
    else if (str_equal(name, STR("client_port")))
        buf_add_int(&v->text, v->client->port);
    else if (str_equal(name, STR("localtime")))
        add_time(&v->text);
    else if (str_equal(name, STR("server_name")))
        buf_add(&v->text, site_conf.myhostname);
    else
        log_warning("unknown macro name \"" STR_FMT "\" in expansion request", STR_ARG(name));
    *value = buf_str(&v->text);
    return true;
}

static struct str find_template(const struct client *c, struct smtp_reply r, struct buf *found)
{
    struct table_list *maps = c->screen->footer_maps;
    BUF_AUTO(key, 0);

    buf_addf(&key, "%d " STR_FMT, r.code, STR_ARG(r.text));
    if (!table_list_is_empty(maps) && table_list_lookup(maps, buf_str(&key), found) == TABLE_FOUND)
        return buf_str(found);
    return c->screen->footer;
}

static void add_footer(const struct client *c, struct smtp_reply r, struct buf *text)
{
    struct values values = { .client = c }, *context = &values;
    struct macro_source source = { .value = footer_value,
                                   .context = &context,
                                   .allowed = c->screen->expansion_filter };
    BUF_AUTO(found, 0);
    struct str template = find_template(c, r, &found);

    smtp_footer_add(r, template, &source, text);
    buf_free(&values.text);
}

struct smtp_reply say_soften(struct smtp_reply reply, struct arena *a)
{
    return site_conf.soft_bounce ? smtp_reply_soften(reply, a) : reply;
}

void say_format(const struct client *c, struct smtp_reply reply, struct buf *out)
{
    ARENA_AUTO(arena);
    BUF_AUTO(text, REPLY_MAX);

    reply = say_soften(reply, &arena);
    if (c && reply.code >= 400) {
        add_footer(c, reply, &text);
        reply.text = buf_str(&text);
    }
    smtp_reply_format(reply, out);
}
