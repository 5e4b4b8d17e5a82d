/* access(5): what a table's answer means. */
#include "smtpd/access/actions.h"

#include "base/log.h"
#include "smtpd/mail_sink.h"
#include "smtpd/reject_log.h"

#define NESTING_LIMIT 100

/* Blanks at the end are the table's or the server's own, and part of what is said. */
static struct str skip_blanks(struct str text)
{
    while (text.len && char_is_space(text.ptr[0]))
        text = str_skip(text, 1);
    return text;
}

/* Text that may begin with its own status. */
static enum outcome_kind refuse(struct judge *j, int code, const char *status, struct str text,
                                const char *fallback)
{
    size_t length = dsn_status_length(text);
    struct str own =
        length ? judge_fit_status(j, j->subject, str_sub(text, 0, length)) : str_from(status);

    text = skip_blanks(str_skip(text, length));
    if (text.len == 0)
        text = str_from(fallback);
    return judge_reject(j, code, arena_cstr(j->arena, own), STR_FMT, STR_ARG(text));
}

static enum outcome_kind act_ok(struct judge *j, struct str text)
{
    (void)j;
    (void)text;
    return JUDGE_PERMIT;
}

static enum outcome_kind act_dunno(struct judge *j, struct str text)
{
    (void)j;
    (void)text;
    return JUDGE_NEXT;
}

static enum outcome_kind act_reject(struct judge *j, struct str text)
{
    return refuse(j, smtpd_conf.access_map_reject_code, "5.7.1", text, "Access denied");
}

static enum outcome_kind act_defer(struct judge *j, struct str text)
{
    return refuse(j, smtpd_conf.access_map_defer_code, "4.7.1", text, "Access denied");
}

typedef void defer_fn(struct judge *j, int code, const char *status, const char *fmt, ...);

static enum outcome_kind remember(struct judge *j, struct str text, defer_fn *defer)
{
    size_t length = dsn_status_length(text);
    struct str status =
        length ? judge_fit_status(j, j->subject, str_sub(text, 0, length)) : STR("4.7.1");

    text = skip_blanks(str_skip(text, length));
    defer(j, smtpd_conf.access_map_defer_code, arena_cstr(j->arena, status), STR_FMT,
          STR_ARG(text.len ? text : STR("Service unavailable")));
    return JUDGE_NEXT;
}

static enum outcome_kind act_defer_if_permit(struct judge *j, struct str text)
{
    return remember(j, text, judge_defer_if_permit);
}

static enum outcome_kind act_defer_if_reject(struct judge *j, struct str text)
{
    return remember(j, text, judge_defer_if_reject);
}

/* Side effects are logged with the thing they are about. */
static void log_action(struct judge *j, const char *action, const char *what, struct str text)
{
    reject_log_event(j->s, action, j->rcpt ? j->rcpt->path : STR_NONE,
                     "<" STR_FMT ">: %s %s" STR_FMT, STR_ARG(judge_subject_text(j)),
                     judge_subject_class(j->subject), what, STR_ARG(text));
}

static enum outcome_kind act_hold(struct judge *j, struct str text)
{
    if (j->actions == NULL || !j->actions->hold)
        log_action(j, "hold", text.len ? "" : "triggers HOLD action", text);
    if (j->actions)
        j->actions->hold = true;
    return JUDGE_NEXT;
}

static enum outcome_kind act_discard(struct judge *j, struct str text)
{
    if (j->actions == NULL || !j->actions->discard)
        log_action(j, "discard", text.len ? "" : "triggers DISCARD action", text);
    if (j->actions)
        j->actions->discard = true;
    return JUDGE_PERMIT;
}

/* An entry that says too little is passed over. */
static bool has(const struct judge *j, struct str text, char needed, const char *form)
{
    if (str_has(text, needed))
        return true;
    log_warning("access table " STR_FMT " entry \"" STR_FMT "\" requires %s",
                STR_ARG(j->entry_table), STR_ARG(j->entry_key), form);
    return false;
}

static enum outcome_kind act_filter(struct judge *j, struct str text)
{
    if (!has(j, text, ':', "transport:destination"))
        return JUDGE_NEXT;
    log_action(j, "filter", "triggers FILTER ", text);
    if (j->actions)
        j->actions->filter = arena_str(&j->s->t.arena, str_trim(text));
    return JUDGE_NEXT;
}

static enum outcome_kind act_redirect(struct judge *j, struct str text)
{
    if (!has(j, text, '@', "user@domain target"))
        return JUDGE_NEXT;
    log_action(j, "redirect", "triggers REDIRECT ", text);
    if (j->actions)
        j->actions->redirect = arena_str(&j->s->t.arena, str_trim(text));
    return JUDGE_NEXT;
}

static enum outcome_kind act_bcc(struct judge *j, struct str text)
{
    if (!has(j, text, '@', "user@domain target"))
        return JUDGE_NEXT;
    log_action(j, "bcc", "triggers BCC ", text);
    if (j->actions) {
        buf_add(&j->actions->bcc, str_trim(text));
        buf_addc(&j->actions->bcc, '\0');
    }
    return JUDGE_NEXT;
}

static enum outcome_kind act_prepend(struct judge *j, struct str text)
{
    if (!has(j, text, ':', "header: text"))
        return JUDGE_NEXT;
    if (j->actions)
        buf_join(&j->actions->prepend, text, STR("\n"));
    return JUDGE_NEXT;
}

static enum outcome_kind note(struct judge *j, const char *action, struct str text)
{
    reject_log_event(j->s, action, j->rcpt ? j->rcpt->path : STR_NONE, STR_FMT, STR_ARG(text));
    return JUDGE_NEXT;
}

static enum outcome_kind act_warn(struct judge *j, struct str text)
{
    return note(j, "warn", text);
}

static enum outcome_kind act_info(struct judge *j, struct str text)
{
    return note(j, "info", text);
}

static const struct action {
    const char *name;
    enum outcome_kind (*act)(struct judge *j, struct str text);
    enum { ABOUT_NOTHING, ABOUT_MESSAGE, ABOUT_HEADER } about; /* what it changes */
} action_types[] = {
    { "OK", act_ok, ABOUT_NOTHING },
    { "RELAY", act_ok, ABOUT_NOTHING },
    { "DUNNO", act_dunno, ABOUT_NOTHING },
    { "REJECT", act_reject, ABOUT_NOTHING },
    { "DEFER", act_defer, ABOUT_NOTHING },
    { "DEFER_IF_PERMIT", act_defer_if_permit, ABOUT_NOTHING },
    { "DEFER_IF_REJECT", act_defer_if_reject, ABOUT_NOTHING },
    { "WARN", act_warn, ABOUT_NOTHING },
    { "INFO", act_info, ABOUT_NOTHING },
    { "HOLD", act_hold, ABOUT_MESSAGE },
    { "DISCARD", act_discard, ABOUT_MESSAGE },
    { "FILTER", act_filter, ABOUT_MESSAGE },
    { "REDIRECT", act_redirect, ABOUT_MESSAGE },
    { "BCC", act_bcc, ABOUT_MESSAGE },
    { "PREPEND", act_prepend, ABOUT_HEADER },
};

/* An action about a message that is not there, or is there already, is passed over. */
static bool comes_in_time(const struct judge *j, const struct action *a)
{
    const struct session *s = j->s;
    const char *before = "", *after;

    if (a->about == ABOUT_MESSAGE && s->where == SMTP_CMD_ETRN) {
        after = "is unavailable in smtpd_etrn_restrictions";
    } else if (a->about == ABOUT_MESSAGE && !s->setup->sink->keeps_mail) {
        before = "with smtpd_proxy_filter specified, ";
        after = "is unavailable";
    } else if (a->about == ABOUT_HEADER && s->where == SMTP_CMD_UNKNOWN) {
        after = "must be used before smtpd_end_of_data_restrictions";
    } else if (a->about != ABOUT_NOTHING && !s->t.active) {
        before = "with smtpd_delay_reject=no, ";
        after = "is always skipped in Client host or Helo command restrictions";
    } else {
        return true;
    }
    log_warning("access table " STR_FMT ": %saction %s %s", STR_ARG(j->entry_table), before,
                a->name, after);
    return false;
}

static enum outcome_kind carry_out(struct judge *j, const struct action *a, struct str text)
{
    if (!comes_in_time(j, a))
        return JUDGE_NEXT;
    if (a->act == act_ok)
        judge_log_permit(j, str_from(a->name), j->entry_table);
    return a->act(j, text);
}

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!char_is_digit(s.ptr[i]))
            return false;
    return s.len > 0;
}

/* "550 5.3.2 gone" */
static bool is_code(struct str word)
{
    return word.len == 3 && all_digits(word) && (word.ptr[0] == '4' || word.ptr[0] == '5');
}

static enum outcome_kind act_code(struct judge *j, struct str word, struct str text)
{
    int code = (word.ptr[0] - '0') * 100 + (word.ptr[1] - '0') * 10 + (word.ptr[2] - '0');

    return refuse(j, code, code >= 500 ? "5.7.1" : "4.7.1", text, "Access denied");
}

/* A table that an answer names could be opened by nobody who is in the jail already. */
static enum outcome_kind names_table(struct judge *j, struct str value)
{
    log_warning("access table " STR_FMT " has entry with lookup table: " STR_FMT,
                STR_ARG(j->entry_table), STR_ARG(value));
    log_warning("do not specify lookup tables inside SMTPD access maps");
    log_warning("define a restriction class and specify its name instead.");
    return judge_configuration_error(j);
}

/* Anything else is a list of restrictions. */
static enum outcome_kind act_restrictions(struct judge *j, struct str value)
{
    struct rule_list list;

    if (str_has(value, ':'))
        return names_table(j, value);
    if (j->depth >= NESTING_LIMIT) {
        log_warning("restrictions in an access table lead to themselves: \"" STR_FMT "\"",
                    STR_ARG(value));
        return judge_configuration_error(j);
    }
    rule_list_parse(j->access, j->arena, value, "access table", &list);
    j->depth++;
    enum outcome_kind result = rule_list_judge(j, &list);
    j->depth--;
    return result;
}

enum outcome_kind actions_apply(struct judge *j, struct str value)
{
    struct str text = value, word;

    if (!str_token(&text, " \t", &word))
        return JUDGE_NEXT;
    text = skip_blanks(text);
    if (all_digits(str_trim(value))) {
        judge_log_permit(j, value, j->entry_table);
        return JUDGE_PERMIT;
    }
    if (is_code(word) && text.len)
        return act_code(j, word, text);
    for (size_t i = 0; i < ARRAY_LEN(action_types); i++)
        if (str_equal_nocase(word, str_from(action_types[i].name)))
            return carry_out(j, &action_types[i], text);
    return act_restrictions(j, value);
}
