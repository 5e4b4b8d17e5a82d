#include "smtpd/respond.h"

#include "base/log.h"
#include "smtpd/footer.h"
#include "smtpd/wire.h"

#include <time.h>

static struct smtp_reply soften(struct smtp_reply r, struct arena *a)
{
    return site_conf.soft_bounce ? smtp_reply_soften(r, a) : r;
}

/* smtpd_reject_filter_maps: a whole reply goes in, another one comes out.  It must still be a refusal. */
static struct smtp_reply filter(struct session *s, struct smtp_reply r, struct arena *a)
{
    struct table_list *maps = s->setup->reject_filter_maps;
    struct smtp_reply other;
    BUF_AUTO(key, 0);
    BUF_AUTO(found, 0);

    if (table_list_is_empty(maps))
        return r;
    buf_addf(&key, "%d " STR_FMT, r.code, STR_ARG(r.text));
    if (table_list_lookup(maps, buf_str(&key), &found) != TABLE_FOUND)
        return r;
    if (!smtp_reply_split(buf_str(&found), &other) || other.code < 400) {
        log_warning("smtpd_reject_filter_maps: \"" STR_FMT
                    "\" is no reply that refuses; the reply stays as it was",
                    STR_ARG(buf_str(&found)));
        return r;
    }
    return (struct smtp_reply){ other.code, arena_str(a, other.text) };
}

/* Too many mistakes: say so and hang up. */
static bool patience_is_over(const struct session *s)
{
    return s->dialogue.errors >= (unsigned)smtpd_conf.smtpd_hard_error_limit;
}

static void give_up(struct session *s)
{
    BUF_AUTO(text, 512);

    buf_join(&text, STR("4.7.0 "), site_conf.myhostname, STR(" Error: too many errors"));
    s->end_reason = "too many errors";
    wire_part(s, (struct smtp_reply){ 421, buf_str(&text) });
}

/* All replies wait, not only the refusals. */
static void slow_down(struct session *s)
{
    struct timespec pause = { .tv_sec = smtpd_conf.smtpd_error_sleep_time };

    if ((int)s->dialogue.errors > smtpd_conf.smtpd_soft_error_limit && pause.tv_sec > 0 &&
        wire_flush(s))
        (void)nanosleep(&pause, NULL);
}

typedef void answer_fn(struct smtp_server *dialogue, struct smtp_reply reply);

/* The code that went out. */
static int answer(struct session *s, struct smtp_reply reply, answer_fn *say)
{
    ARENA_AUTO(arena);

    slow_down(s);
    if (reply_refuses(reply))
        reply = footer_add(s, filter(s, soften(reply, &arena), &arena), &arena);
    wire_note_reply(s, reply);
    say(&s->dialogue, reply);
    pace_next_request(&s->pace);
    return reply.code;
}

void respond(struct session *s, struct smtp_reply reply)
{
    int code = answer(s, reply, smtp_server_answer);

    if (code != 421 && code != 521 && patience_is_over(s))
        give_up(s);
}

void respond_mildly(struct session *s, struct smtp_reply reply)
{
    (void)answer(s, reply, smtp_server_answer_mildly);
}

void respond_data_error(struct session *s, void (*hang_up)(struct session *, struct smtp_reply))
{
    BUF_AUTO(text, 0);

    buf_join(&text, STR("4.3.0 "), site_conf.myhostname, STR(" Server local data error"));
    log_info("%s: reject: " STR_FMT " from " STR_FMT ": 421 " STR_FMT, session_queue_id(s),
             STR_ARG(smtp_command_name(s->where)), STR_ARG(s->peer.shown), STR_ARG(buf_str(&text)));
    hang_up(s, (struct smtp_reply){ 421, buf_str(&text) });
}
