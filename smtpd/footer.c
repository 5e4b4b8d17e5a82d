#include "smtpd/footer.h"

#include "base/log.h"
#include "text/dsn.h"
#include "text/macro.h"

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
        { STR("client_address"), s->peer.address }, { STR("client_name"), s->peer.name },
        { STR("client_port"), s->peer.port },       { STR("helo_name"), s->helo },
        { STR("recipient"), s->t.first_recipient }, { STR("sasl_username"), s->login.name },
        { STR("sender"), s->t.sender_path },        { STR("server_name"), site_conf.myhostname },
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

/* Cut the template at its first `\n`. */
static struct str cut_line(struct str *template)
{
    size_t end = str_find_str(*template, STR("\\n"));
    struct str line = str_sub(*template, 0, end);

    *template = end == STR_NOT_FOUND ? STR_NONE : str_skip(*template, end + 2);
    return line;
}

/* Values are put in after the template was cut, so that no client writes lines of its own. */
static void add_lines(struct session *s, struct str template, struct str status, struct buf *text)
{
    struct macro_source source = { .value = footer_value,
                                   .context = &s,
                                   .allowed = s->setup->expansion_filter };
    bool joined = str_skip_prefix(&template, STR("\\c"));
    struct str bad;

    while (template.len) {
        struct str line = cut_line(&template);
        if (!joined) {
            buf_addc(text, '\n');
            if (status.len)
                buf_join(text, status, STR(" "));
        }
        joined = false;
        if (!macro_expand(line, &source, text, &bad))
            log_warning("reject footer: unknown name \"" STR_FMT "\" in \"" STR_FMT "\"",
                        STR_ARG(bad), STR_ARG(line));
    }
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
    struct str template = find_template(s, r, &found);

    if (template.len == 0)
        return r;
    buf_add(&text, r.text);
    add_lines(s, template, str_sub(r.text, 0, dsn_status_length(r.text)), &text);
    return (struct smtp_reply){ r.code, arena_str(a, buf_str(&text)) };
}
