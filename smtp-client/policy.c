#include "smtp-client/policy.h"

#include "conf/params.h"
#include "table/list.h"

static struct {
    struct table_list *tls;
} tables;
static bool logs_features;

static bool wants_features(struct conf *conf)
{
    struct str name = str_equal(conf_value(conf, STR("process_name")), STR("lmtp"))
                          ? STR("lmtp_log_tls_feature_status")
                          : STR("smtp_log_tls_feature_status");

    return smtp_conf.smtp_log_tls_feature_status &&
           (conf_is_set(conf, name) || !conf_level_below(conf, CONF_LEVEL_TLS_FEATURES));
}

void policy_open(struct conf *conf)
{
    logs_features = wants_features(conf);
    tables.tls =
        table_list_open(smtp_tls_conf.smtp_tls_policy_maps, "smtp_tls_policy_maps", TABLE_DEFAULT);
}

/* ---- TLS ---- */

static struct str general_level(void)
{
    if (smtp_tls_conf.smtp_tls_security_level.len)
        return smtp_tls_conf.smtp_tls_security_level;
    if (smtp_conf.smtp_enforce_tls)
        return STR("encrypt");
    return smtp_conf.smtp_use_tls ? STR("may") : STR("none");
}

/* Parents are looked up for bare domains only, not for [host] or host:port. */
static enum table_result lookup_level(struct str nexthop, struct buf *value)
{
    enum table_result found = table_list_lookup(tables.tls, nexthop, value);

    if (found != TABLE_NOT_FOUND || str_find_any(nexthop, "[]:, \t") != STR_NOT_FOUND)
        return found;
    return table_list_lookup_domain(tables.tls, nexthop, false, value);
}

struct str policy_tls_level(struct str nexthop, struct arena *a)
{
    BUF_AUTO(value, 4096);
    struct str rest, level;

    if (table_list_is_empty(tables.tls))
        return general_level();
    switch (lookup_level(nexthop, &value)) {
    case TABLE_ERROR:
        return STR_NONE;
    case TABLE_NOT_FOUND:
        return general_level();
    case TABLE_FOUND:
        break;
    }
    rest = buf_str(&value);
    return str_token(&rest, ", \t\r\n", &level) ? arena_str(a, level) : STR_NONE;
}

static bool is_off(struct str level) { return str_equal_nocase(level, STR("none")); }
static bool is_optional(struct str level) { return str_equal_nocase(level, STR("may")); }

static void summarize(struct delivery *d, const char *before, struct str level, const char *after)
{
    BUF_AUTO(text, 256);

    if (!logs_features)
        return;
    buf_join(&text, str_from(before), level, str_from(after));
    d->tls_summary = arena_str(&d->arena, buf_str(&text));
}

struct str policy_unreached_summary(struct str nexthop, struct arena *a)
{
    struct str level = policy_tls_level(nexthop, a);
    BUF_AUTO(text, 256);

    if (!logs_features)
        return STR_NONE;
    buf_join(&text, level, is_off(level) ? STR("") : STR("?"));
    return arena_str(a, buf_str(&text));
}

bool policy_is_met(const struct client_session *s, struct delivery *d, struct fault *fault)
{
    struct str level = policy_tls_level(s->nexthop, &d->arena);

    if (level.len == 0) {
        fault_set(fault, &d->arena, "4.7.5", false, "client TLS configuration problem");
        return false;
    }
    if (is_off(level) || is_optional(level)) {
        summarize(d, "", level, is_off(level) ? "" : ":none");
        return true;
    }
    if (s->dialogue.offer.extensions & SMTP_EXT_STARTTLS) {
        summarize(d, "!", level, ":noencryption");
        fault_set(fault, &d->arena, "4.7.5", false,
                  "TLS is required, but our TLS engine is unavailable");
        return false;
    }
    summarize(d, "!", level, ":nostarttls");
    fault_set(fault, &d->arena, "4.7.4", false,
              "TLS is required, but was not offered by host " STR_FMT, STR_ARG(s->shown));
    return false;
}
