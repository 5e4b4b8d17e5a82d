#include "smtp-client/tls_status.h"

#include "conf/params.h"

static bool is_shown;

void tls_status_open(struct conf *conf, bool lmtp)
{
    struct str name =
        lmtp ? STR("lmtp_log_tls_feature_status") : STR("smtp_log_tls_feature_status");

    is_shown = smtp_conf.smtp_log_tls_feature_status &&
               (conf_is_set(conf, name) || !conf_level_below(conf, CONF_LEVEL_TLS_FEATURES));
}

/* Without TLS there is nothing to decide. */
static void add_level(const struct tls_status *s, struct buf *text)
{
    if (s->state == TLS_VIOLATED)
        buf_addc(text, '!');
    buf_add(text, tls_level_name(s->wanted));
    if (s->state == TLS_UNDECIDED && s->wanted != TLS_NONE)
        buf_addc(text, '?');
    if (s->state == TLS_DECIDED && s->got != s->wanted)
        buf_join(text, STR(":"), tls_level_name(s->got));
}

void tls_status_show(const struct tls_status *s, struct delivery *d)
{
    BUF_AUTO(text, 256);

    if (!is_shown)
        return;
    add_level(s, &text);
    if (s->requiretls)
        buf_join(&text, STR("/"), str_from(s->requiretls));
    d->tls_summary = arena_str(&d->arena, buf_str(&text));
}
