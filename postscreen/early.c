#include "postscreen/early.h"

#include "base/log.h"
#include "postscreen/client.h"
#include "postscreen/handover.h"
#include "postscreen/lists.h"
#include "postscreen/talk.h"
#include "text/escape.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#define PEEK_MAX  1023
#define SHOWN_MAX 100 /* of what it says, in the log line */

#define PROTOCOL_ERROR STR("5.5.1 Protocol error")

static bool is_due(const struct client *c, enum screen_test test)
{
    return c->trial.due & SCREEN_BIT(test);
}

static bool has_failed(const struct client *c, enum screen_test test)
{
    return c->tests_failed & SCREEN_BIT(test);
}

void early_is_over(struct client *c)
{
    bool deep = c->trial.due & ~c->trial.passed & SCREEN_DEEP;

    if (c->trial.failed || deep)
        talk(c);
    else
        handover(c);
}

/* False: the client is gone. */
static bool penalize(struct client *c, enum action action, struct str text, int drop, int enforce)
{
    if (action == ACTION_DROP) {
        c->trial.failed = true;
        client_part(c, (struct smtp_reply){ drop, text });
        return false;
    }
    if (action == ACTION_ENFORCE)
        client_refuse(c, (struct smtp_reply){ enforce, text });
    return true;
}

/* ---- lists ---- */

static bool is_allowlisted(const struct client *c)
{
    int limit = postscreen_conf.postscreen_dnsbl_allowlist_threshold;
    int total = lists_score(c->address)->total;

    return limit < 0 && total <= limit && total < postscreen_conf.postscreen_dnsbl_threshold &&
           !c->trial.failed && c->tests_failed == 0;
}

static bool refuse_listed(struct client *c, const struct score *score)
{
    BUF_AUTO(name, 0);

    log_info("DNSBL rank %d for %s", score->total, c->shown);
    c->tests_failed |= SCREEN_BIT(SCREEN_DNSBL);
    if (score->worst)
        lists_shown_name(c->screen, score->worst, &name);
    buf_clear(&c->refusal_text);
    buf_join(&c->refusal_text, STR("5.7.1 Service unavailable; client ["), client_address(c),
             STR("] blocked using "), buf_str(&name));
    return penalize(c, c->screen->actions.dnsbl, buf_str(&c->refusal_text), 521, 550);
}

static bool judge_lists(struct client *c)
{
    const struct postscreen_params *p = &postscreen_conf;
    const struct score *score = lists_score(c->address);

    if (score->total >= p->postscreen_dnsbl_threshold)
        return refuse_listed(c, score);
    int64_t until = (int64_t)time(NULL) +
                    score_ttl(score, p->postscreen_dnsbl_min_ttl, p->postscreen_dnsbl_max_ttl);
    trial_pass(&c->trial, is_allowlisted(c) ? SCREEN_ALL : SCREEN_BIT(SCREEN_DNSBL), until);
    return true;
}

/* ---- the wait ---- */

static void end_wait(struct client *c)
{
    client_stop_waiting(c);
    client_unwatch(c);
    if (c->waits_for_lists)
        lists_stop_waiting(c);
    if (is_due(c, SCREEN_PREGREET) && !has_failed(c, SCREEN_PREGREET))
        trial_pass(&c->trial, SCREEN_BIT(SCREEN_PREGREET),
                   (int64_t)time(NULL) + postscreen_conf.postscreen_greet_ttl);
    if (!is_due(c, SCREEN_DNSBL) || judge_lists(c))
        early_is_over(c);
}

static void on_wait_over(void *context)
{
    struct client *c = context;

    c->timer = NULL;
    end_wait(c);
}

/* Who is well known need not wait; the others do, whatever the lists say. */
static void on_lists(struct client *c)
{
    bool waits_for_words = is_due(c, SCREEN_PREGREET) && !has_failed(c, SCREEN_PREGREET);

    if (!waits_for_words || is_allowlisted(c))
        end_wait(c);
}

/* ---- who speaks ---- */

static bool fail_pregreet(struct client *c, struct str said)
{
    BUF_AUTO(delay, 32);
    BUF_AUTO(shown, 0);

    client_format_delay(c, &delay);
    escape_encode(said, SHOWN_MAX, &shown);
    log_info("PREGREET %zu after " STR_FMT " from %s: " STR_FMT, said.len, STR_ARG(buf_str(&delay)),
             c->shown, STR_ARG(buf_str(&shown)));
    c->tests_failed |= SCREEN_BIT(SCREEN_PREGREET);
    c->spoke_early = c->screen->actions.greet == ACTION_ENFORCE;
    return penalize(c, c->screen->actions.greet, PROTOCOL_ERROR, 521, 550);
}

/* What it says stays where it is, for whoever will speak with it. */
static void on_readable(void *context, int fd, uint32_t events)
{
    struct client *c = context;
    char bytes[PEEK_MAX];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_hang_up(c);
        return;
    }
    client_unwatch(c);
    if (!is_due(c, SCREEN_PREGREET))
        return;
    if (fail_pregreet(c, (struct str){ bytes, (size_t)n }) && !c->waits_for_lists)
        end_wait(c);
}

void early(struct client *c)
{
    c->phase = CLIENT_EARLY;
    c->phase_began_ms = clock_now_ms();
    if (is_due(c, SCREEN_PREGREET) && !client_tease(c, postscreen_conf.postscreen_greet_banner))
        return;
    client_watch(c, on_readable);
    client_wait(c, (int64_t)stressed_value(c->screen, &c->screen->greet_wait) * 1000, on_wait_over);
    if (is_due(c, SCREEN_DNSBL) && !lists_ask(c, on_lists))
        on_lists(c);
}
