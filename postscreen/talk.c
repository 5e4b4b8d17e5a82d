#include "postscreen/talk.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "postscreen/client.h"
#include "postscreen/ehlo_mask.h"
#include "postscreen/say.h"
#include "postscreen/starttls.h"
#include "text/escape.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#define READ_SIZE 4096
#define SHOWN_MAX 100 /* of what a client says, in log lines */

#define PROTOCOL_ERROR STR("5.5.1 Protocol error")

static void add_escaped(struct buf *out, struct str text) { escape_encode(text, SHOWN_MAX, out); }

/* ---- tests ---- */

/* An ignored failure is as good as a pass, for the shortest time that a test has. */
static int64_t shortest_ttl(void)
{
    const struct postscreen_params *p = &postscreen_conf;
    int64_t ttl = MIN(p->postscreen_greet_ttl, p->postscreen_dnsbl_max_ttl);

    ttl = MIN(ttl, p->postscreen_pipelining_ttl);
    ttl = MIN(ttl, p->postscreen_non_smtp_command_ttl);
    return MIN(ttl, p->postscreen_bare_newline_ttl);
}

static const struct deep_test {
    enum screen_test test;
    size_t action, ttl; /* where they stand in struct screen and in the parameters */
    struct smtp_reply drop;
} deep_tests[] = {
#define DEEP_TEST(test, name, reply)                                     \
    {                                                                    \
        test, offsetof(struct screen, actions.name),                     \
            offsetof(struct postscreen_params, postscreen_##name##_ttl), \
        {                                                                \
            521, STR(reply)                                              \
        }                                                                \
    }
    DEEP_TEST(SCREEN_PIPELINING, pipelining, "5.5.1 Protocol error"),
    DEEP_TEST(SCREEN_BARE_NEWLINE, bare_newline, "5.5.1 Protocol error"),
    { SCREEN_NON_SMTP,
      offsetof(struct screen, actions.non_smtp),
      offsetof(struct postscreen_params, postscreen_non_smtp_command_ttl),
      { 521, STR("5.7.0 Error: I can break rules, too. Goodbye.") } },
#undef DEEP_TEST
};

static const struct deep_test *find_test(enum screen_test test)
{
    const struct deep_test *t = deep_tests;

    while (t->test != test)
        t++;
    return t;
}

static enum action action_of(const struct screen *s, const struct deep_test *t)
{
    return *(const enum action *)(const void *)((const char *)s + t->action);
}

static int ttl_of(const struct deep_test *t)
{
    return *(const int *)(const void *)((const char *)&postscreen_conf + t->ttl);
}

static bool is_watched(const struct client *c, enum screen_test test)
{
    return (c->failed_early || (c->trial.due & SCREEN_BIT(test))) &&
           !(c->tests_failed & SCREEN_BIT(test)) && !(c->trial.passed & SCREEN_BIT(test));
}

/* False: the client is gone. */
static bool fail_test(struct client *c, enum screen_test test)
{
    const struct deep_test *t = find_test(test);

    c->tests_failed |= SCREEN_BIT(test);
    switch (action_of(c->screen, t)) {
    case ACTION_DROP:
        c->trial.failed = true;
        client_part(c, t->drop);
        return false;
    case ACTION_ENFORCE:
        client_refuse(c, (struct smtp_reply){ 550, PROTOCOL_ERROR });
        return true;
    case ACTION_IGNORE:
        break;
    }
    trial_pass(&c->trial, SCREEN_BIT(test), (int64_t)time(NULL) + shortest_ttl());
    return true;
}

static bool on_bare_newline(struct client *c, const struct dialogue_event *ev)
{
    BUF_AUTO(line, 0);

    if (!is_watched(c, SCREEN_BARE_NEWLINE))
        return true;
    add_escaped(&line, ev->line);
    log_info("BARE NEWLINE from %s after " STR_FMT, c->shown, STR_ARG(buf_str(&line)));
    return fail_test(c, SCREEN_BARE_NEWLINE);
}

static bool is_forbidden(const struct client *c, const struct dialogue_event *ev)
{
    struct match_list *list = c->screen->forbidden_commands;

    return ev->is_odd || (ev->word.len && !match_list_is_empty(list) &&
                          match_string(list, ev->word) == MATCH_YES);
}

static bool on_unknown(struct client *c, const struct dialogue_event *ev)
{
    BUF_AUTO(word, SHOWN_MAX);
    BUF_AUTO(rest, 0);

    if (!is_watched(c, SCREEN_NON_SMTP) || !is_forbidden(c, ev))
        return true;
    buf_add_printable(&word, str_sub(ev->word, 0, SHOWN_MAX));
    add_escaped(&rest, ev->rest);
    log_info("NON-SMTP COMMAND from %s after " STR_FMT ": " STR_FMT " " STR_FMT, c->shown,
             STR_ARG(c->dialogue->where), STR_ARG(buf_str(&word)), STR_ARG(buf_str(&rest)));
    return fail_test(c, SCREEN_NON_SMTP);
}

static bool on_pipelining(struct client *c, const struct dialogue_event *ev)
{
    BUF_AUTO(word, SHOWN_MAX);
    BUF_AUTO(rest, 0);

    if (!is_watched(c, SCREEN_PIPELINING))
        return true;
    buf_add_printable(&word, str_sub(ev->word, 0, SHOWN_MAX));
    add_escaped(&rest, ev->rest);
    log_info("COMMAND PIPELINING from %s after " STR_FMT ": " STR_FMT, c->shown,
             STR_ARG(buf_str(&word)), STR_ARG(buf_str(&rest)));
    return fail_test(c, SCREEN_PIPELINING);
}

/* Who comes as far as to name a recipient has shown how it behaves. */
static bool on_recipient(struct client *c, const struct dialogue_event *ev)
{
    int64_t now = (int64_t)time(NULL);

    (void)ev;
    for (size_t i = 0; i < ARRAY_LEN(deep_tests); i++)
        if (is_watched(c, deep_tests[i].test))
            trial_pass(&c->trial, SCREEN_BIT(deep_tests[i].test), now + ttl_of(&deep_tests[i]));
    return true;
}

/* ---- what it says ---- */

/* The site may have it say something else. */
static bool on_line(struct client *c, const struct dialogue_event *ev)
{
    struct table_list *filter = c->screen->command_filter;
    BUF_AUTO(other, 0);

    if (table_list_is_empty(filter))
        return true;
    switch (table_list_lookup(filter, ev->line, &other)) {
    case TABLE_FOUND:
        log_info("%s: replacing command \"" STR_FMT "\" with \"" STR_FMT "\"", c->shown,
                 STR_ARG(str_sub(ev->line, 0, SHOWN_MAX)),
                 STR_ARG(str_sub(buf_str(&other), 0, SHOWN_MAX)));
        dialogue_replace(c->dialogue, buf_str(&other));
        return true;
    case TABLE_NOT_FOUND:
        return true;
    case TABLE_ERROR:
        break;
    }
    log_fatal(STR_FMT " lookup error for \"" STR_FMT "\"", STR_ARG(table_list_last(filter)),
              STR_ARG(str_sub(ev->line, 0, SHOWN_MAX)));
}

static bool on_reply(struct client *c, const struct dialogue_event *ev)
{
    return client_say(c, ev->reply);
}

static bool on_refused(struct client *c, const struct dialogue_event *ev)
{
    const struct dialogue *d = c->dialogue;
    BUF_AUTO(sender, 0);
    BUF_AUTO(recipient, 0);
    ARENA_AUTO(arena);
    struct smtp_reply reply = say_soften(ev->reply, &arena);

    dialogue_format_address(d->sender, &sender);
    dialogue_format_address(ev->rest, &recipient);
    log_info("NOQUEUE: reject: RCPT from %s: %d " STR_FMT "; from=<" STR_FMT ">, to=<" STR_FMT
             ">, proto=%s, helo=<" STR_FMT ">",
             c->shown, reply.code, STR_ARG(reply.text), STR_ARG(buf_str(&sender)),
             STR_ARG(buf_str(&recipient)), d->esmtp ? "ESMTP" : "SMTP", STR_ARG(d->helo));
    return client_say(c, ev->reply);
}

static bool end_with(struct client *c, const struct dialogue_event *ev)
{
    client_part(c, ev->reply);
    return false;
}

static bool on_limit(struct client *c, const char *which, const struct dialogue_event *ev)
{
    log_info("COMMAND %s LIMIT from %s after " STR_FMT, which, c->shown,
             STR_ARG(c->dialogue->where));
    return end_with(c, ev);
}

static bool on_many(struct client *c, const struct dialogue_event *ev)
{
    return on_limit(c, "COUNT", ev);
}

static bool on_long(struct client *c, const struct dialogue_event *ev)
{
    return on_limit(c, "LENGTH", ev);
}

static bool on_content(struct client *c, const struct dialogue_event *ev)
{
    log_info(STR_FMT " without valid RCPT from %s", STR_ARG(c->dialogue->where), c->shown);
    return end_with(c, ev);
}

static bool on_starttls(struct client *c, const struct dialogue_event *ev)
{
    (void)ev;
    return starttls(c);
}

/* False: the client is gone, or its turn is over for now. */
static bool (*const handlers[])(struct client *c, const struct dialogue_event *ev) = {
    [DIALOGUE_BARE_NEWLINE] = on_bare_newline,
    [DIALOGUE_LINE] = on_line,
    [DIALOGUE_UNKNOWN] = on_unknown,
    [DIALOGUE_PIPELINING] = on_pipelining,
    [DIALOGUE_RECIPIENT] = on_recipient,
    [DIALOGUE_REFUSED] = on_refused,
    [DIALOGUE_REPLY] = on_reply,
    [DIALOGUE_STARTTLS] = on_starttls,
    [DIALOGUE_MANY] = on_many,
    [DIALOGUE_LONG] = on_long,
    [DIALOGUE_CONTENT] = on_content,
    [DIALOGUE_CLOSE] = end_with,
};

/* ---- listening ---- */

static void on_time_limit(void *context)
{
    struct client *c = context;
    BUF_AUTO(text, 0);

    c->timer = NULL;
    log_info("COMMAND TIME LIMIT from %s after " STR_FMT, c->shown, STR_ARG(c->dialogue->where));
    buf_join(&text, STR("4.4.2 "), site_conf.myhostname, STR(" Error: timeout exceeded"));
    client_part(c, (struct smtp_reply){ 421, buf_str(&text) });
}

/* The time for a whole line begins. */
static void restart_time(struct client *c)
{
    client_wait(c, (int64_t)stressed_value(c->screen, &c->screen->command_time) * 1000,
                on_time_limit);
}

static bool ends_line(enum dialogue_event_kind kind)
{
    return kind == DIALOGUE_REPLY || kind == DIALOGUE_REFUSED;
}

static void on_input(void *context, int fd, uint32_t events)
{
    struct client *c = context;
    char bytes[READ_SIZE];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    struct str in = { bytes, n > 0 ? (size_t)n : 0 };

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_hang_up(c);
        return;
    }
    for (;;) {
        struct dialogue_event ev = dialogue_next(c->dialogue, &in);
        if (ev.kind == DIALOGUE_NEED_INPUT)
            return;
        if (!handlers[ev.kind](c, &ev))
            return;
        if (ends_line(ev.kind))
            restart_time(c);
    }
}

static void begin(struct client *c)
{
    struct dialogue *d = mem_alloc(sizeof *d);

    c->failed_early = c->trial.failed;
    dialogue_init(d, &c->screen->rules);
    d->refusal = c->refusal;
    d->keywords = ehlo_offer(c);
    c->dialogue = d;
    c->phase = CLIENT_TALKING;
    c->phase_began_ms = clock_now_ms();
}

static void listen_on(struct client *c)
{
    restart_time(c);
    client_watch(c, on_input);
}

/* Who did not wait for the greeting gets none. */
static bool greet(struct client *c)
{
    return c->spoke_early || client_say(c, (struct smtp_reply){ 220, smtpd_conf.smtpd_banner });
}

void talk(struct client *c)
{
    begin(c);
    if (greet(c))
        listen_on(c);
}

void talk_without_hope(struct client *c, struct smtp_reply end)
{
    begin(c);
    c->dialogue->resort = end;
    if (greet(c))
        listen_on(c);
}

void talk_go_on(struct client *c) { listen_on(c); }
