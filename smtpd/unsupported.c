#include "smtpd/unsupported.h"

#include "base/log.h"
#include "conf/params.h"

static bool has_milters(void)
{
    return smtpd_conf.smtpd_milters.len > 0 || smtpd_conf.smtpd_milter_maps.len > 0;
}

static bool milters_may_be_missing(void)
{
    return str_equal_nocase(milter_conf.milter_default_action, STR("accept"));
}

static const struct {
    bool (*is_set)(void);
    const char *setting;
    const char *consequence;
} settings[] = {
    { has_milters, "smtpd_milters", "mail is treated as milter_default_action says" },
};

void unsupported_warn(void)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (settings[i].is_set())
            log_warning("%s: not available in this version: %s", settings[i].setting,
                        settings[i].consequence);
}

struct smtp_reply unsupported_refusal(void)
{
    if (has_milters() && !milters_may_be_missing())
        return (struct smtp_reply){ 451, STR("4.7.1 Service unavailable - try again later") };
    return (struct smtp_reply){ 0 };
}
