/* Which settings count, where they stand, and who is told when they decide. */
#include "base/log.h"
#include "smtpd/explain/explain.h"
#include "table/witness.h"

static log_sink_fn *real_log;
static struct explain *present; /* the log has no context */

void explain_as(struct explain *e, struct str service)
{
    e->conf = conf_fork_without_overrides(e->main);
    e->entry = NULL;
    for (size_t i = 0; i < e->services.count; i++)
        if (str_equal(e->services.entries[i].service, service))
            e->entry = &e->services.entries[i];
    conf_override(e->conf, STR("service_name"), service);
    for (size_t i = 0; e->entry && i < e->entry->setting_count; i++)
        conf_override(e->conf, e->entry->settings[i].name, e->entry->settings[i].value);
    conf_fill_site(e->conf);
}

static void add_place(const struct explain *e, struct str parameter, struct buf *out)
{
    struct str value;
    unsigned line = conf_line_of(e->main, parameter);

    if (e->entry && master_entry_setting(e->entry, parameter, &value))
        buf_addf(out, "%s/master.cf, line %u", conf_directory(e->main), e->entry->line);
    else if (line)
        buf_addf(out, "%s/main.cf, line %u", conf_directory(e->main), line);
    else
        buf_add(out, STR("default"));
}

static bool is_told(const struct step *s, const struct reason *new)
{
    for (const struct reason *r = s->reasons; r; r = r->next)
        if (str_equal(r->parameter, new->parameter) && str_equal(r->table, new->table) &&
            str_equal(r->key, new->key))
            return true;
    return false;
}

static void add_reason(struct explain *e, struct step *s, struct reason *reason)
{
    BUF_AUTO(place, 0);

    if (is_told(s, reason))
        return;
    add_place(e, reason->parameter, &place);
    reason->place = buf_str(&place);
    step_reason(&e->report, s, reason);
}

void explain_because(struct explain *e, struct step *s, const char *parameter)
{
    struct reason reason = { .parameter = str_from(parameter),
                             .value = conf_value(e->conf, str_from(parameter)) };

    add_reason(e, s, &reason);
}

void explain_set_by(struct explain *e, struct step *s, const char *parameter)
{
    struct reason reason = { .parameter = str_from(parameter) };

    add_reason(e, s, &reason);
}

/* A table that a restriction names is asked on behalf of the list that the restriction stands in. */
static void on_testimony(void *context, const struct table_testimony *seen)
{
    struct explain *e = context;
    bool is_parameter = param_find(str_from(seen->parameter)) != NULL;
    BUF_AUTO(table, 0);

    if (e->step == NULL || (is_parameter && e->only_list))
        return;
    buf_join(&table, seen->negated ? STR("!") : STR(""), seen->table);
    struct reason reason = { .parameter =
                                 str_from(is_parameter || !e->list ? seen->parameter : e->list),
                             .table = buf_str(&table),
                             .key = seen->key,
                             .value = seen->value };
    add_reason(e, e->step, &reason);
    if (seen->result == TABLE_ERROR)
        step_note(&e->report, e->step, STR("this table cannot be asked now"));
}

static void on_log(enum log_level level, struct str text);

/* The first line that a command says makes its log. */
static void pass_on(enum log_level level, struct str text)
{
    real_log(level, text);
    if (log_sink() == on_log)
        return;
    real_log = log_sink();
    log_set_sink(on_log);
}

static void on_log(enum log_level level, struct str text)
{
    BUF_AUTO(line, 0);

    if (level >= LOG_LEVEL_FATAL || present->step == NULL) {
        pass_on(level, text);
        return;
    }
    buf_join(&line, STR("logs: "), log_prefix(level), text);
    step_note(&present->report, present->step, buf_str(&line));
}

void explain_watch(struct explain *e)
{
    present = e;
    real_log = log_sink();
    log_set_sink(on_log);
    table_set_witness(on_testimony, e);
}
