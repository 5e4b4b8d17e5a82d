#include "smtpd/footer.h"

#include "base/log.h"
#include "smtp/footer.h"

#include <time.h>

static struct str local_time(struct session *s)
{
    char text[64];
    time_t now = time(NULL);
    struct tm local;

    localtime_r(&now, &local);
    size_t n = strftime(text, sizeof text, "%b %d %H:%M:%S", &local);
    return arena_str(&s->scratch, (struct str){ text, n });
}

static bool footer_value(const void *context, struct str name, struct str *value)
{
    struct session *s = *(struct session *const *)context;
    const struct {
        struct str name, value;
    } table[] = {
        { STR("client_address"), s->peer.address },    { STR("client_name"), s->peer.name },
        { STR("client_port"), s->peer.port },          { STR("helo_name"), s->helo },
        { STR("recipient"), s->t.first_rcpt.address }, { STR("sasl_username"), s->login.name },
        { STR("sender"), s->t.sender_path },           { STR("server_name"), site_conf.myhostname },
    };

    if (str_equal(name, STR("localtime"))) {
        *value = local_time(s);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (str_equal(name, table[i].name)) {
            *value = table[i].value;
            return true;
        }
    }
    log_warning("unknown macro name \"" STR_FMT "\" in expansion request", STR_ARG(name));
    *value = STR_NONE;
    return true;
}

static struct str find_template(struct session *s, struct smtp_reply r, struct buf *found)
{
    struct table_list *maps = s->setup->reject_footer_maps;
    BUF_AUTO(key, 0);

    if (!table_list_is_empty(maps)) {
        buf_addf(&key, "%d " STR_FMT, r.code, STR_ARG(r.text));
        if (table_list_lookup(maps, buf_str(&key), found) == TABLE_FOUND)
            return buf_str(found);
    }
    return smtpd_conf.smtpd_reject_footer;
}

struct smtp_reply footer_add(struct session *s, struct smtp_reply r, struct arena *a)
{
    BUF_AUTO(found, 0);
    BUF_AUTO(text, SMTP_OUT_MAX / 4);
    struct macro_source source = { .value = footer_value,
                                   .context = &s,
                                   .allowed = s->setup->expansion_filter };
    struct str template = find_template(s, r, &found);

    if (template.len == 0)
        return r;
    smtp_footer_add(r, template, &source, &text);
    return (struct smtp_reply){ r.code, arena_str(a, buf_str(&text)) };
}
