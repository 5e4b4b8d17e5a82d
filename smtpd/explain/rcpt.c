/* What smtpd(8) answers to RCPT, and why. */
#include "base/log.h"
#include "client/cleanup.h"
#include "ipc/messages/cleanup.h"
#include "smtpd/access/access.h"
#include "smtpd/explain/explain.h"
#include "smtpd/peer.h"
#include "smtpd/setup.h"
#include "text/address.h"

#define NESTING_MAX 128

struct watch {
    struct explain *e;
    struct step *open[NESTING_MAX]; /* restrictions that are being judged */
    int depth;
};

static void on_list(void *context, const char *parameter)
{
    struct watch *w = context;
    struct step *s = report_step(&w->e->report, 0, "list", str_from(parameter));

    explain_set_by(w->e, s, parameter);
    if (conf_value(w->e->conf, str_from(parameter)).len == 0)
        step_result(&w->e->report, s, STR("empty"), STR_NONE);
}

static void on_begin(void *context, const char *parameter, struct str restriction,
                     struct str argument)
{
    struct watch *w = context;
    BUF_AUTO(text, 0);

    buf_join(&text, restriction, argument.len ? STR(" ") : STR(""), argument);
    w->e->list = parameter;
    /* Whose classes and transports are looked at on the way is told once, before all. */
    w->e->only_list = argument.len > 0;
    w->e->step = report_step(&w->e->report, MIN(w->depth, NESTING_MAX - 1) + 1, "restriction",
                             buf_str(&text));
    if (w->depth < NESTING_MAX)
        w->open[w->depth] = w->e->step;
    w->depth++;
}

static const char *whom(enum access_asks asks)
{
    switch (asks) {
    case ACCESS_ASKS_DNS:
        return "would ask the DNS (see --dns)";
    case ACCESS_ASKS_POLICY:
        return "would ask a policy service";
    case ACCESS_ASKS_VERIFY:
        return "would ask verify(8), which may send a probe";
    case ACCESS_ASKS_TIME:
        return "would make the client wait";
    case ACCESS_ASKS_NOBODY:
        break;
    }
    return "";
}

static void add_reply(struct smtp_reply reply, struct buf *out)
{
    buf_add_int(out, reply.code);
    buf_join(out, STR(" "), reply.text);
}

static void on_end(void *context, enum access_verdict verdict, enum access_asks asks,
                   struct smtp_reply reply, struct smtp_reply later)
{
    static const char *const words[] = {
        [ACCESS_NO_OPINION] = "no opinion",
        [ACCESS_PERMITS] = "permit",
        [ACCESS_REJECTS] = "reject",
        [ACCESS_NOT_ASKED] = "not asked",
    };
    struct watch *w = context;
    struct explain *e = w->e;
    BUF_AUTO(text, 0);

    w->depth--;
    struct step *s = w->open[MIN(w->depth, NESTING_MAX - 1)];
    e->step = w->depth ? w->open[MIN(w->depth - 1, NESTING_MAX - 1)] : NULL;
    if (reply.code)
        add_reply(reply, &text);
    else if (verdict == ACCESS_NOT_ASKED)
        buf_add_cstr(&text, whom(asks));
    step_result(&e->report, s, str_from(words[verdict]), buf_str(&text));
    if (later.code == 0)
        return;
    buf_clear(&text);
    buf_add(&text, STR("remembers, for what comes later: "));
    add_reply(later, &text);
    step_note(&e->report, s, buf_str(&text));
}

/* ---- the client ---- */

static void identify(struct explain *e, struct session *s)
{
    struct peer *p = &s->peer;

    if (!net_addr_parse(e->client, 0, &p->addr))
        log_fatal("not an IP address: " STR_FMT, STR_ARG(e->client));
    *p = (struct peer){ .addr = p->addr,
                        .address = e->client,
                        .name = STR("unknown"),
                        .reverse_name = STR("unknown"),
                        .port = STR("unknown"),
                        .server_address = STR("unknown"),
                        .server_port = STR("unknown"),
                        .name_status = DNS_NOT_FOUND,
                        .reverse_status = DNS_NOT_FOUND,
                        .is_inet = true };
    if (e->client_name.ptr) {
        p->name = p->reverse_name = e->client_name;
        p->name_status = p->reverse_status = DNS_OK;
    } else if (e->dns) {
        peer_lookup_names(s);
    }
    peer_update_shown(s);
}

static void begin_session(struct explain *e, struct session *s, const struct setup *setup)
{
    *s = (struct session){ .setup = setup, .stream = STREAM_NONE, .where = SMTP_CMD_RCPT };
    identify(e, s);
    s->helo = e->helo;
    if (e->login.ptr)
        s->login = (struct login){ e->login, STR("PLAIN") };
    s->t = (struct transaction){ .active = true,
                                 .sender = e->sender,
                                 .sender_path = session_shown_address(e->sender),
                                 .actions = ACTIONS_INIT };
    smtp_server_init(&s->dialogue, &(struct smtp_server_options){ .hostname = site_conf.myhostname,
                                                                  .line_limit = 2048 });
    s->dialogue.esmtp = true;
}

/* What most restrictions go by. */
static void tell_class(struct explain *e, const struct setup *setup)
{
    BUF_AUTO(text, 0);

    e->step = report_step(&e->report, 0, "class", e->address);
    struct resolution r = rewrite_resolve(setup->rewriter, e->sender, e->address, &e->arena);
    if (r.flags & RESOLVE_FAIL)
        buf_add(&text, STR("is not known now: a look-up failed"));
    else
        buf_join(&text, STR("is of class "), str_from(explain_class_name(r.flags)));
    step_result(&e->report, e->step, buf_str(&text), STR_NONE);
    e->step = NULL;
}

/* With smtpd_delay_reject = no some lists are judged before there is a recipient. */
static struct smtp_reply judge(struct session *s, struct str address)
{
    static const enum access_stage stages[] = { ACCESS_CONNECT, ACCESS_HELO, ACCESS_MAIL };
    struct smtp_rcpt rcpt = { .path = session_shown_address(address), .address = address };
    struct smtp_reply reply = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(stages) && reply.code == 0; i++)
        reply = access_judge(s, stages[i], STR_NONE);
    return reply.code ? reply : access_judge_recipient(s, &rcpt);
}

/* ---- what comes of it ---- */

static void tell_answer(struct explain *e, struct session *s, struct smtp_reply reply)
{
    struct step *step = report_step(&e->report, 0, "answer", STR("answer to RCPT TO"));
    BUF_AUTO(text, 0);

    if (reply.code && site_conf.soft_bounce) {
        explain_because(e, step, "soft_bounce");
        reply = smtp_reply_soften(reply, &s->arena);
    }
    add_reply(reply.code ? reply : (struct smtp_reply){ 250, STR("2.1.5 Ok") }, &text);
    step_result(&e->report, step, reply.code ? STR("refused") : STR("accepted"), buf_str(&text));
}

/* What an access table wants to be done with the message. */
static void tell_actions(struct explain *e, struct actions *a)
{
    struct str prepend = buf_str(&a->prepend), bcc = buf_str(&a->bcc);
    const struct {
        bool set;
        const char *what;
        struct str detail;
    } actions[] = {
        { a->hold, "the message goes to the hold queue", STR_NONE },
        { a->discard, "the message is thrown away", STR_NONE },
        { a->filter.len > 0, "content filter", a->filter },
        { a->redirect.len > 0, "all recipients are replaced by", a->redirect },
        { prepend.len > 0, "header in front", str_trim(prepend) },
        { bcc.len > 0, "copy to", str_cut(&bcc, '\0') },
    };

    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (actions[i].set)
            step_result(&e->report, report_step(&e->report, 0, "action", str_from(actions[i].what)),
                        STR_NONE, actions[i].detail);
}

static void keep_wishes(struct explain *e, const struct session *s)
{
    const struct actions *a = &s->t.actions;

    e->content_filter = arena_str(&e->arena, a->filter.len ? a->filter : site_conf.content_filter);
    e->redirect = arena_str(&e->arena, a->redirect);
    e->maps_addresses = s->setup->cleanup_flags & CLEANUP_FLAG_MAP_OK;
    e->copies = s->setup->cleanup_flags & CLEANUP_FLAG_BCC_OK;
    e->cleanup_service = arena_str(&e->arena, site_conf.cleanup_service_name);
}

void explain_rcpt(struct explain *e)
{
    struct watch w = { .e = e };
    struct access_watcher watcher = { .may_ask = e->dns ? ACCESS_ASKS_DNS : 0,
                                      .list = on_list,
                                      .begin = on_begin,
                                      .end = on_end,
                                      .context = &w };
    struct session s;
    BUF_AUTO(title, 0);

    explain_as(e, str_from(e->service));
    conf_fill(e->conf, &smtpd_param_set, &smtpd_conf);
    conf_fill(e->conf, &verify_param_set, &verify_conf);
    conf_fill(e->conf, &table_param_set, &table_conf);
    buf_join(&title, STR("What smtpd says, as service "), str_from(e->service));
    if (e->entry)
        buf_addf(&title, " (%s/master.cf, line %u)", conf_directory(e->main), e->entry->line);
    report_begin(&e->report, "smtpd", buf_str(&title));
    const struct setup *setup = setup_open_judgement(e->conf);
    begin_session(e, &s, setup);
    tell_class(e, setup);
    access_watch(setup->access, &watcher);
    struct smtp_reply reply = judge(&s, e->address);
    access_watch(setup->access, NULL);
    e->step = NULL;
    e->list = NULL;
    e->only_list = false;
    e->report.client = arena_str(&e->report.arena, s.peer.shown);
    tell_answer(e, &s, reply);
    if (reply.code == 0)
        tell_actions(e, &s.t.actions);
    keep_wishes(e, &s);
}
