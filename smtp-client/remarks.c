#include "smtp-client/remarks.h"

#include "base/log.h"
#include "client/notice.h"
#include "conf/params.h"

#define QUOTED_MAX 30
#define BABBLE_MAX 20 /* lines that are no replies and are logged, of one session */

static bool postmaster_wants_it;

void session_open_remarks(void)
{
    postmaster_wants_it = str_has_word(site_conf.notify_classes, STR("protocol"));
}

static void on_no_reply(struct client_session *s, struct str line)
{
    bool lmtp = s->dialogue.options.lmtp;

    s->at_odds = true;
    if (!(s->dialogue.offer.extensions & SMTP_EXT_PIPELINING) || s->babble++ >= BABBLE_MAX)
        return;
    log_warning(STR_FMT ": non-%s response from " STR_FMT ": " STR_FMT, STR_ARG(s->queue_id),
                lmtp ? "LMTP" : "ESMTP", STR_ARG(s->relay), STR_ARG(line));
    log_warning("to prevent loss of mail, turn off command pipelining for " STR_FMT
                " with the %s_keyword_address_maps parameter",
                STR_ARG(s->address), lmtp ? "lmtp_discard_lhlo" : "smtp_discard_ehlo");
}

static struct str beginning(struct str text) { return str_sub(text, 0, QUOTED_MAX); }

void session_remark(void *context, enum smtp_note note, struct str text)
{
    struct client_session *s = context;
    struct transcript *said = postmaster_wants_it ? &s->said : NULL;

    switch (note) {
    case SMTP_NOTE_SAID:
        transcript_out(said, s->relay, text);
        break;
    case SMTP_NOTE_HEARD:
        transcript_in(said, s->relay, text);
        break;
    case SMTP_NOTE_NO_REPLY:
        on_no_reply(s, text);
        break;
    case SMTP_NOTE_LONG_LINE:
        log_warning(STR_FMT ": response longer than %d: " STR_FMT "...", STR_ARG(s->relay),
                    site_conf.line_length_limit, STR_ARG(beginning(text)));
        break;
    case SMTP_NOTE_LONG_REPLY:
        log_warning(STR_FMT ": multi-line response longer than %d " STR_FMT "...",
                    STR_ARG(s->relay), site_conf.line_length_limit, STR_ARG(beginning(text)));
        break;
    case SMTP_NOTE_BAD_SIZE:
        log_warning("bad EHLO SIZE limit \"" STR_FMT "\" from " STR_FMT, STR_ARG(text),
                    STR_ARG(s->relay));
        break;
    case SMTP_NOTE_FOLDED:
        log_info(STR_FMT ": breaking line > %d bytes with <CR><LF>SPACE", STR_ARG(s->queue_id),
                 smtp_conf.smtp_line_length_limit);
        break;
    }
}

void session_judge(struct client_session *s, const struct smtp_answer *answer)
{
    s->at_odds |= fault_is_of_protocol(answer);
}

void session_report(struct client_session *s)
{
    struct cleanup_client cleanup = CLEANUP_CLIENT_INIT;
    struct notice n = { .recipient = site_conf.error_notice_recipient,
                        .reporter =
                            s->dialogue.options.lmtp ? STR("LMTP client") : STR("SMTP client"),
                        .peer = s->relay,
                        .said = &s->said };
    BUF_AUTO(opening, 0);

    if (!s->at_odds || !postmaster_wants_it || s->said.lines == 0)
        return;
    buf_join(&opening, STR("Unexpected response from "), s->relay, STR("."));
    n.opening = buf_str(&opening);
    if (!notice_submit(&cleanup, &n))
        log_warning("no notice to the postmaster about the session with " STR_FMT,
                    STR_ARG(s->shown));
    cleanup_client_close(&cleanup);
}
