#include "base/log.h"
#include "conf/params.h"
#include "nexthop/fault.h"
#include "smtp/extension.h"
#include "tools/posttls-finger/chat.h"
#include "tools/posttls-finger/finger.h"

#include <stdio.h>

struct session {
    struct probe *probe;
    struct chat chat;
    bool starttls; /* offered */
};

/* ---- certificates ---- */

static void show_chain(const struct tls_certificate *chain)
{
    int depth = 0;

    printf("\n---\nCertificate chain\n");
    for (const struct tls_certificate *c = chain; c; c = c->next) {
        printf("%2d subject: " STR_FMT "\n    issuer: " STR_FMT "\n", depth++, STR_ARG(c->subject),
               STR_ARG(c->issuer));
        printf("   cert digest=" STR_FMT "\n   pkey digest=" STR_FMT "\n", STR_ARG(c->fingerprint),
               STR_ARG(c->key_fingerprint));
        printf(STR_FMT, STR_ARG(c->pem));
    }
}

/* ---- TLS ---- */

/* Once more, only what became of the session is of interest. */
static unsigned log_classes(const struct probe *p)
{
    unsigned log = p->finger->log;

    if (p->again)
        return (log & ~(unsigned)(TLS_LOG_PEERCERT | TLS_LOG_CERTMATCH | TLS_LOG_VERBOSE)) |
               TLS_LOG_CACHE | TLS_LOG_SUMMARY;
    return log;
}

static struct tls_client_wish wish_of(struct probe *p)
{
    BUF_AUTO(id, 0);
    struct tls_client_wish wish = {
        .peer = target_shown(p->server, true, &p->arena),
        .log = log_classes(p),
        .until = deadline_in(p->finger->command_s),
        .end_ms = (int64_t)p->finger->command_s * 1000,
        .helo = p->name, /* behind one address may stand several servers, each with its own cache */
        .show_chain = p->finger->shows_chain && !p->again,
    };

    buf_addf(&id, "[" STR_FMT "]:%d", STR_ARG(p->server->address), p->server->port);
    if (p->finger->delay_s)
        wish.session = arena_str(&p->arena, buf_str(&id));
    tls_policy_wish(p->policy, &wish);
    return wish;
}

static bool secure(struct session *s)
{
    struct probe *p = s->probe;
    struct tls_client_wish wish = wish_of(p);
    const struct tls_facts *facts = tls_connect(p->finger->engine, s->chat.stream, &wish);

    if (facts == NULL)
        return false;
    chat_forget(&s->chat);
    p->secured = true;
    p->resumed = facts->resumed;
    if (!facts->has_certificate && !facts->resumed)
        log_info("Server is anonymous");
    else if (facts->chain)
        show_chain(facts->chain);
    return true;
}

/* ---- the dialogue ---- */

static bool is_yes(struct session *s, const char *what, const struct smtp_answer *answer)
{
    struct str text = fault_one_line(&s->probe->arena, answer->text);

    if (smtp_class_of(answer->code) == SMTP_YES)
        return true;
    log_info("%s: " STR_FMT, what, STR_ARG(text));
    return false;
}

static void read_offer(struct session *s, struct str lines)
{
    struct str first = str_skip(str_cut(&lines, '\n'), 4), name = STR_NONE;

    if (str_token(&first, " \t", &name))
        s->probe->name = arena_str(&s->probe->arena, name);
    s->starttls = false;
    while (lines.len) {
        struct str line = str_skip(str_cut(&lines, '\n'), 4), word;
        if (str_token(&line, " \t", &word) && smtp_extension_find(word) == SMTP_EXTENSION_STARTTLS)
            s->starttls = true;
    }
}

static bool greet(struct session *s)
{
    struct smtp_answer answer;

    return chat_hear(&s->chat, s->probe->finger->greeting_s, &answer) &&
           is_yes(s, "SMTP service not available", &answer);
}

static bool say_ehlo(struct session *s)
{
    bool lmtp = s->probe->finger->lmtp;
    struct smtp_answer answer;
    BUF_AUTO(command, 0);

    buf_join(&command, lmtp ? STR("LHLO ") : STR("EHLO "), smtp_conf.smtp_helo_name);
    s->chat.doing = lmtp ? "sending LHLO" : "sending EHLO";
    if (!chat_ask(&s->chat, buf_str(&command), s->probe->finger->command_s, &answer) ||
        !is_yes(s, lmtp ? "LHLO rejected" : "EHLO rejected", &answer))
        return false;
    read_offer(s, answer.all);
    return true;
}

static bool start_tls(struct session *s)
{
    struct smtp_answer answer;

    s->chat.doing = "sending STARTTLS";
    return chat_ask(&s->chat, STR("STARTTLS"), s->probe->finger->command_s, &answer) &&
           is_yes(s, "STARTTLS rejected", &answer) && secure(s);
}

static void say_quit(struct session *s)
{
    struct smtp_answer answer;

    s->chat.doing = "sending QUIT";
    (void)!chat_ask(&s->chat, STR("QUIT"), s->probe->finger->command_s, &answer);
}

/* From the greeting to the point where mail could be sent. */
static bool begin(struct session *s)
{
    const struct probe *p = s->probe;
    bool shown = s->chat.is_shown;

    if ((p->policy->wrapper && !secure(s)) || !greet(s))
        return false;
    s->chat.is_shown = shown && !p->again;
    if (!say_ehlo(s))
        return false;
    if (s->starttls && !p->secured && p->policy->level != TLS_NONE &&
        (!start_tls(s) || !say_ehlo(s)))
        return false;
    s->chat.is_shown = shown;
    return true;
}

void probe_run(struct probe *p, struct stream *stream)
{
    struct session s = { .probe = p };

    chat_init(&s.chat, stream);
    s.chat.is_shown = !p->finger->hides_chat;
    if (begin(&s))
        say_quit(&s);
    stream_close(stream);
    chat_fini(&s.chat);
}
