#include "smtp-client/greet.h"

#include "base/log.h"
#include "client/debug_peer.h"
#include "conf/params.h"
#include "nexthop/destination.h"
#include "smtp-client/remarks.h"
#include "smtp-client/starttls.h"
#include "smtp-client/wire.h"
#include "smtp-client/workaround.h"
#include "table/list.h"

#include <errno.h>

static struct {
    struct table_list *discard, *reply_filter;
} tables;

void session_open_tables(void)
{
    tables.discard = table_list_open(smtp_conf.smtp_discard_ehlo_keyword_address_maps,
                                     "smtp_discard_ehlo_keyword_address_maps", TABLE_DEFAULT);
    tables.reply_filter =
        table_list_open(smtp_conf.smtp_reply_filter, "smtp_reply_filter", TABLE_DEFAULT);
    workaround_open();
    debug_peer_open();
    session_open_remarks();
}

/* ---- options of the dialogue ---- */

static unsigned extensions_of(struct str words)
{
    BUF_AUTO(named, 1024);
    unsigned bits = smtp_extensions_discarded(words, &named);

    if (named.len)
        log_info("discarding EHLO keywords:" STR_FMT, STR_ARG(buf_str(&named)));
    return bits;
}

/* The entry for the server's address replaces the general list. */
static unsigned discarded_extensions(const struct client_session *s)
{
    BUF_AUTO(value, 4096);

    if (!table_list_is_empty(tables.discard) &&
        table_list_lookup(tables.discard, s->address, &value) == TABLE_FOUND)
        return extensions_of(buf_str(&value));
    return extensions_of(smtp_conf.smtp_discard_ehlo_keywords);
}

static bool filter_reply(void *context, struct str line, struct buf *out)
{
    const struct client_session *s = context;

    if (table_list_lookup(tables.reply_filter, line, out) != TABLE_FOUND)
        return false;
    log_info(STR_FMT ": replacing server reply \"" STR_FMT "\" with \"" STR_FMT "\"",
             STR_ARG(s->relay), STR_ARG(line), STR_ARG(buf_str(out)));
    return true;
}

static void start_dialogue(struct client_session *s, bool lmtp)
{
    struct smtp_client_options options = {
        .lmtp = lmtp,
        .never_esmtp = smtp_conf.smtp_never_send_ehlo,
        .ehlo_if_announced = !smtp_conf.smtp_always_send_ehlo,
        .helo_name = smtp_conf.smtp_helo_name,
        .discard = discarded_extensions(s),
        .reply_line_limit = (size_t)site_conf.line_length_limit,
        .line_limit = (size_t)smtp_conf.smtp_line_length_limit,
        .filter = table_list_is_empty(tables.reply_filter) ? NULL : filter_reply,
        .note = session_remark,
        .context = s,
    };
    smtp_client_init(&s->dialogue, &options);
    transcript_init(&s->said);
}

/* ---- greeting ---- */

/* A server that calls itself by our name is we ourselves, unless it listens where we do not. */
static bool is_own_name(const struct client_session *s, struct str name)
{
    return s->port == SMTP_PORT && str_equal_nocase(name, site_conf.myhostname);
}

static void warn_of_own_name(const struct client_session *s, const char *said)
{
    log_warning("host " STR_FMT " %s with my own hostname " STR_FMT, STR_ARG(s->relay), said,
                STR_ARG(site_conf.myhostname));
}

/* We speak ESMTP. */
static bool is_ourselves(const struct client_session *s)
{
    return (s->dialogue.offer.extensions & SMTP_EXT_ESMTP) &&
           is_own_name(s, buf_str(&s->dialogue.server_name));
}

static bool loops_back(struct client_session *s, struct str nexthop, struct arena *a,
                       struct fault *fault)
{
    warn_of_own_name(s, "replied to HELO/EHLO");
    fault_set(fault, a, "5.4.6", true, "mail for " STR_FMT " loops back to myself",
              STR_ARG(nexthop));
    fault->loops = true;
    return false;
}

static struct str greeting_name(struct str greeting)
{
    struct str line = str_skip(str_cut(&greeting, '\n'), 4), name = STR_NONE;

    (void)str_token(&line, " \t\r", &name);
    return name;
}

static bool refused(struct client_session *s, const struct smtp_client_event *ev, struct arena *a,
                    struct fault *fault)
{
    session_judge(s, &ev->answer);
    fault_from_refusal(fault, a, s->shown, ev->step, &ev->answer, smtp_conf.smtp_skip_5xx_greeting);
    fault->server = arena_str(a, s->name);
    return false;
}

static bool lost(struct client_session *s, enum smtp_step step, struct arena *a,
                 struct fault *fault)
{
    s->lost = true;
    fault_from_loss(fault, a, s->shown, step, errno);
    return false;
}

/* A greeting with our name may be that of a proxy in front of another server: EHLO tells. */
static void look_at_greeting(struct client_session *s, const struct session_purpose *purpose,
                             struct str greeting)
{
    if (is_own_name(s, greeting_name(greeting)))
        warn_of_own_name(s, "greeted me");
    workaround_apply(s, purpose, greeting);
}

static void look_at_offer(const struct client_session *s)
{
    unsigned offer = s->dialogue.offer.extensions;

    if ((offer & SMTP_EXT_SMTPUTF8) && !(offer & SMTP_EXT_8BITMIME))
        log_info("host " STR_FMT " offers SMTPUTF8 support, but not 8BITMIME", STR_ARG(s->shown));
}

bool session_greet(struct client_session *s, const struct session_purpose *purpose, struct arena *a,
                   struct fault *fault)
{
    debug_peer_begin(s->name, s->address);
    start_dialogue(s, purpose->lmtp);
    if (purpose->tls->wrapper && !starttls_wrap(s, purpose, a, fault))
        return false;
    for (;;) {
        struct smtp_client_event ev = session_next(s);
        switch (ev.kind) {
        case SMTP_CLIENT_NEED_INPUT:
        case SMTP_CLIENT_FLUSH:
            if (!session_serve(s, &ev))
                return lost(s, ev.step, a, fault);
            break;
        case SMTP_CLIENT_GREETING:
            look_at_greeting(s, purpose, ev.answer.text);
            break;
        case SMTP_CLIENT_READY:
            if (is_ourselves(s))
                return loops_back(s, purpose->nexthop, a, fault);
            switch (starttls_begin(s, purpose, a, fault)) {
            case STARTTLS_ASKED:
                break;
            case STARTTLS_REFUSED:
                return false;
            case STARTTLS_PLAIN:
                look_at_offer(s);
                s->ready = true;
                return true;
            }
            break;
        case SMTP_CLIENT_STARTTLS:
            if (!starttls_answered(s, purpose, &ev.answer, a, fault))
                return false;
            break;
        case SMTP_CLIENT_REFUSED:
            return refused(s, &ev, a, fault);
        default: /* nonsense without end */
            errno = EPROTO;
            return lost(s, ev.step, a, fault);
        }
    }
}

/* ---- end ---- */

/* The answer to QUIT is not always waited for, that to a RSET before it is. */
static void say_goodbye(struct client_session *s)
{
    bool open = true;

    smtp_client_quit(&s->dialogue);
    while (open && !(smtp_conf.smtp_skip_quit_response && smtp_client_is_leaving(&s->dialogue))) {
        struct smtp_client_event ev = session_next(s);
        if (ev.kind == SMTP_CLIENT_CLOSE || ev.kind == SMTP_CLIENT_BAD)
            return;
        if (ev.kind == SMTP_CLIENT_NEED_INPUT || ev.kind == SMTP_CLIENT_FLUSH)
            open = session_serve(s, &ev);
    }
    if (open && !session_flush(s, SMTP_STEP_QUIT))
        log_debug("no goodbye to " STR_FMT, STR_ARG(s->shown));
}

void session_close(struct client_session *s, bool polite)
{
    if (!session_is_open(s))
        return;
    if (polite && !s->lost && s->dialogue.state)
        say_goodbye(s);
    stream_close(&s->stream);
    debug_peer_end();
    session_report(s);
    if (s->dialogue.state)
        smtp_client_fini(&s->dialogue);
    transcript_fini(&s->said);
    arena_free(&s->arena);
    *s = CLIENT_SESSION_NONE;
}
