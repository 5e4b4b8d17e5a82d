/* Which lists are judged when, and what their verdicts add up to. */
#include "smtpd/access/access.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "smtpd/access/internal.h"
#include "smtpd/respond.h"

static bool guards_relay(const struct rule_list *list)
{
    static const char *const guards[] = {
        "reject_unauth_destination", "defer_unauth_destination", "reject", "defer",
        "defer_if_permit",           "check_relay_domains"
    };

    for (size_t i = 0; i < list->count; i++)
        for (size_t k = 0; k < ARRAY_LEN(guards); k++)
            if (str_equal_nocase(list->rules[i].name, str_from(guards[k])))
                return true;
    return false;
}

/* Values of `*_tempfail_action`: a question without an answer never means yes. */
static void check_tempfail_actions(void)
{
    const struct {
        const char *name;
        struct str value;
    } settings[] = {
        { "reject_tempfail_action", smtpd_conf.reject_tempfail_action },
        { "unknown_address_tempfail_action", smtpd_conf.unknown_address_tempfail_action },
        { "unknown_helo_hostname_tempfail_action",
          smtpd_conf.unknown_helo_hostname_tempfail_action },
        { "unverified_recipient_tempfail_action", smtpd_conf.unverified_recipient_tempfail_action },
        { "unverified_sender_tempfail_action", smtpd_conf.unverified_sender_tempfail_action },
    };

    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (!str_equal_nocase(settings[i].value, STR("defer")) &&
            !str_equal_nocase(settings[i].value, STR("defer_if_permit")))
            log_fatal("bad configuration: %s = " STR_FMT ": use defer or defer_if_permit",
                      settings[i].name, STR_ARG(settings[i].value));
}

static void parse_lists(struct access *a)
{
    const struct {
        struct str text;
        const char *parameter;
        struct rule_list *list;
    } lists[] = {
        { smtpd_conf.smtpd_client_restrictions, "smtpd_client_restrictions", &a->connect },
        { smtpd_conf.smtpd_helo_restrictions, "smtpd_helo_restrictions", &a->helo },
        { smtpd_conf.smtpd_sender_restrictions, "smtpd_sender_restrictions", &a->sender },
        { smtpd_conf.smtpd_relay_restrictions, "smtpd_relay_restrictions", &a->relay },
        { smtpd_conf.smtpd_recipient_restrictions, "smtpd_recipient_restrictions", &a->recipient },
        { smtpd_conf.smtpd_data_restrictions, "smtpd_data_restrictions", &a->data },
        { smtpd_conf.smtpd_end_of_data_restrictions, "smtpd_end_of_data_restrictions",
          &a->end_of_data },
        { smtpd_conf.smtpd_etrn_restrictions, "smtpd_etrn_restrictions", &a->etrn },
        { smtpd_conf.local_header_rewrite_clients, "local_header_rewrite_clients", &a->rewrite },
    };

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        rule_list_parse(a, &a->arena, lists[i].text, lists[i].parameter, lists[i].list);
}

struct access *access_open(struct conf *conf, struct setup *setup)
{
    struct access *a = mem_alloc(sizeof *a);

    check_tempfail_actions();
    a->conf = conf;
    a->setup = setup;
    rule_classes_open(a);
    parse_lists(a);
    a->rbl_replies = table_list_open(smtpd_conf.rbl_reply_maps, "rbl_reply_maps", TABLE_DEFAULT);
    a->client_certificates =
        table_list_open(smtpd_conf.relay_clientcerts, "relay_clientcerts", TABLE_DEFAULT);
    a->login_maps = table_list_open(smtpd_conf.smtpd_sender_login_maps, "smtpd_sender_login_maps",
                                    TABLE_DEFAULT);
    a->mx_backup_networks =
        match_list_open(smtpd_conf.permit_mx_backup_networks, "permit_mx_backup_networks",
                        match_flags_for("permit_mx_backup_networks"));
    a->logged_permits = match_list_open(smtpd_conf.smtpd_log_access_permit_actions,
                                        "smtpd_log_access_permit_actions", 0);
    if (!guards_relay(&a->relay) && !guards_relay(&a->recipient))
        log_fatal("in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, specify "
                  "at least one working "
                  "instance of: reject_unauth_destination, defer_unauth_destination, reject, "
                  "defer, defer_if_permit or "
                  "check_relay_domains");
    return a;
}

void access_watch(struct access *a, const struct access_watcher *watcher) { a->watcher = watcher; }

const struct resolution *judge_recipient(struct judge *j)
{
    if (!j->rcpt_is_resolved) {
        j->rcpt_resolved =
            rewrite_resolve(j->s->setup->rewriter, j->s->t.sender, j->rcpt->address, j->arena);
        j->rcpt_is_resolved = true;
    }
    return &j->rcpt_resolved;
}

const struct resolution *judge_sender(struct judge *j)
{
    if (!j->sender_is_resolved) {
        j->sender_resolved =
            rewrite_resolve(j->s->setup->rewriter, STR(""), j->s->t.sender, j->arena);
        j->sender_is_resolved = true;
    }
    return &j->sender_resolved;
}

static struct judge begin(struct session *s)
{
    return (struct judge){ .s = s,
                           .access = s->setup->access,
                           .actions = s->t.active ? &s->t.actions : NULL,
                           .arena = &s->scratch };
}

/* What becomes of mail that will be thrown away does not matter any more. */
static bool is_discarded(const struct judge *j) { return j->actions && j->actions->discard; }

static void tell_of_list(const struct judge *j, const struct rule_list *list)
{
    const struct access_watcher *w = j->access->watcher;

    if (w)
        w->list(w->context, list->parameter);
}

/* One list; false when it refused.  OK ends the list, not the judgement. */
static bool passes(struct judge *j, const struct rule_list *list, enum subject_kind subject)
{
    if (is_discarded(j))
        return true;
    tell_of_list(j, list);
    j->subject = subject;
    j->warn = false;
    j->defer_if_reject.code = 0; /* the doubts of one list excuse nobody in the next */
    return rule_list_judge(j, list) != JUDGE_REJECT;
}

/* A refusal that should only be temporary because something could not be found out, and the reverse. */
static struct smtp_reply conclude(struct judge *j, bool passed)
{
    if (passed)
        return j->defer_if_permit;
    if (j->reply.code >= 500 && j->defer_if_reject.code)
        return j->defer_if_permit.code ? j->defer_if_permit : j->defer_if_reject;
    return j->reply;
}

struct stage_rule {
    const struct rule_list *list;
    enum subject_kind subject;
    bool delayed; /* with smtpd_delay_reject it is judged at RCPT */
};

/* Where the doubts of a stage wait until somebody asks whether a recipient is welcome; NULL: they count at once. */
static struct smtp_reply *waiting_doubt(struct session *s, enum access_stage stage)
{
    switch (stage) {
    case ACCESS_CONNECT:
        return &s->doubts.connection;
    case ACCESS_HELO:
        return &s->doubts.greeting;
    case ACCESS_MAIL:
        return &s->t.doubt;
    default:
        return NULL;
    }
}

static void put_off(struct session *s, enum access_stage stage, struct smtp_reply doubt)
{
    struct arena *a = stage == ACCESS_MAIL ? &s->t.arena : &s->arena;

    if (doubt.code)
        doubt.text = arena_str(a, doubt.text);
    *waiting_doubt(s, stage) = doubt;
}

/* The oldest comes first. */
static struct smtp_reply doubt_so_far(const struct session *s)
{
    if (s->doubts.connection.code)
        return s->doubts.connection;
    return s->doubts.greeting.code ? s->doubts.greeting : s->t.doubt;
}

/* What is said of all of a message is said of its recipient, if there is but one. */
static const struct smtp_rcpt *only_recipient(const struct session *s, enum access_stage stage)
{
    bool whole = stage == ACCESS_DATA || stage == ACCESS_END_OF_DATA;

    return whole && s->t.rcpt_accepted == 1 ? &s->t.first_rcpt : NULL;
}

struct smtp_reply access_judge(struct session *s, enum access_stage stage, struct str argument)
{
    const struct access *a = s->setup->access;
    const struct stage_rule stages[] = {
        [ACCESS_CONNECT] = { &a->connect, SUBJECT_CLIENT, true },
        [ACCESS_HELO] = { &a->helo, SUBJECT_HELO, true },
        [ACCESS_MAIL] = { &a->sender, SUBJECT_SENDER, true },
        [ACCESS_DATA] = { &a->data, SUBJECT_DATA, false },
        [ACCESS_END_OF_DATA] = { &a->end_of_data, SUBJECT_END_OF_DATA, false },
        [ACCESS_ETRN] = { &a->etrn, SUBJECT_ETRN, false },
    };
    struct judge j = begin(s);

    if (s->setup->postdrop || (stages[stage].delayed && smtpd_conf.smtpd_delay_reject))
        return (struct smtp_reply){ 0 };
    j.etrn_domain = argument;
    j.rcpt = only_recipient(s, stage);
    if (stage == ACCESS_CONNECT)
        s->doubts = (struct doubts){ .connection.code = 0 };
    if (stage == ACCESS_ETRN) {
        j.defer_if_permit = doubt_so_far(s);
        if (smtpd_conf.smtpd_delay_reject &&
            (!passes(&j, &a->connect, SUBJECT_CLIENT) || !passes(&j, &a->helo, SUBJECT_HELO)))
            return conclude(&j, false);
    }
    bool passed = passes(&j, stages[stage].list, stages[stage].subject);
    if (!passed || waiting_doubt(s, stage) == NULL)
        return conclude(&j, passed);
    put_off(s, stage, j.defer_if_permit);
    return (struct smtp_reply){ 0 };
}

static bool delayed_lists_pass(struct judge *j)
{
    const struct access *a = j->access;

    return !smtpd_conf.smtpd_delay_reject ||
           (passes(j, &a->connect, SUBJECT_CLIENT) && passes(j, &a->helo, SUBJECT_HELO) &&
            (!j->s->t.active || passes(j, &a->sender, SUBJECT_SENDER)));
}

static bool recipient_lists_pass(struct judge *j)
{
    const struct access *a = j->access;
    bool relay_first = smtpd_conf.smtpd_relay_before_recipient_restrictions;

    return passes(j, relay_first ? &a->relay : &a->recipient, SUBJECT_RECIPIENT) &&
           passes(j, relay_first ? &a->recipient : &a->relay, SUBJECT_RECIPIENT);
}

/* A parameter that says the same as a restriction in every list would. */
static bool passes_word(struct judge *j, const char *parameter, struct str word)
{
    struct rule rule = { .type = rule_type_find(word), .name = word };
    const struct rule_list list = { .parameter = parameter, .rules = &rule, .count = 1 };

    tell_of_list(j, &list);
    j->subject = SUBJECT_RECIPIENT;
    j->warn = false;
    return rule_judge(j, &list, &rule) != JUDGE_REJECT;
}

static bool addresses_exist(struct judge *j)
{
    if (!j->s->setup->check_recipients || judge_is_double_bounce(judge_recipient(j)))
        return true;
    if (smtpd_conf.smtpd_reject_unlisted_sender &&
        !passes_word(j, "smtpd_reject_unlisted_sender", STR("reject_unlisted_sender")))
        return false;
    return !smtpd_conf.smtpd_reject_unlisted_recipient ||
           passes_word(j, "smtpd_reject_unlisted_recipient", STR("reject_unlisted_recipient"));
}

struct smtp_reply access_judge_recipient(struct session *s, const struct smtp_rcpt *rcpt)
{
    struct judge j = begin(s);

    if (s->setup->postdrop ||
        str_equal_nocase(rcpt->address, STR("postmaster"))) /* RFC 5321 section 4.5.1 */
        return (struct smtp_reply){ 0 };
    j.rcpt = rcpt;
    j.defer_if_permit = doubt_so_far(s);
    return conclude(&j, delayed_lists_pass(&j) && recipient_lists_pass(&j) &&
                            (j.defer_if_permit.code || is_discarded(&j) || addresses_exist(&j)));
}

bool access_rewrites_locally(struct session *s)
{
    struct judge j = begin(s);

    j.subject = SUBJECT_REWRITE;
    return s->setup->postdrop || rule_list_judge(&j, &s->setup->access->rewrite) == JUDGE_PERMIT;
}
