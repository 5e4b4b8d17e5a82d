#include "smtp-client/workaround.h"

#include "base/log.h"
#include "conf/params.h"
#include "table/list.h"

static struct table_list *maps;

void workaround_open(void)
{
    maps = table_list_open(smtp_conf.smtp_pix_workaround_maps, "smtp_pix_workaround_maps",
                           TABLE_DEFAULT);
}

bool workaround_is_due(struct str greeting)
{
    struct str text = str_skip(greeting, 3);

    for (size_t i = 0; i < text.len; i++)
        if (strchr("*02 ", text.ptr[i]) == NULL)
            return false;
    return true;
}

static bool applies(struct client_session *s, const struct session_purpose *purpose,
                    struct str word)
{
    if (str_equal_nocase(word, STR("disable_esmtp"))) {
        s->dialogue.options.never_esmtp = true;
        return true;
    }
    if (str_equal_nocase(word, STR("delay_dotcrlf"))) {
        s->delay_dot = purpose->age_s >= smtp_conf.smtp_pix_workaround_threshold_time;
        return s->delay_dot;
    }
    log_warning("unknown workaround in smtp_pix_workarounds: " STR_FMT, STR_ARG(word));
    return false;
}

void workaround_apply(struct client_session *s, const struct session_purpose *purpose,
                      struct str greeting)
{
    struct str words = smtp_conf.smtp_pix_workarounds, word;
    BUF_AUTO(value, 1024);
    BUF_AUTO(enabled, 1024);

    if (purpose->lmtp || !workaround_is_due(greeting))
        return;
    if (!table_list_is_empty(maps) && table_list_lookup(maps, s->address, &value) == TABLE_FOUND)
        words = buf_str(&value);
    while (str_token(&words, ", \t\r\n", &word))
        if (applies(s, purpose, word))
            buf_join(&enabled, enabled.len ? STR(" ") : STR(""), word);
    if (enabled.len)
        log_info(STR_FMT ": enabling PIX workarounds: " STR_FMT " for " STR_FMT,
                 STR_ARG(purpose->queue_id), STR_ARG(buf_str(&enabled)), STR_ARG(s->relay));
}
