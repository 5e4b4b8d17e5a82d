/* header_checks, body_checks and their kin: look a line up, do what the table says. */
#include "base/log.h"
#include "cleanup/output.h"
#include "text/dsn.h"

#define TEXT_MAX   200 /* of the header or line in a log line */
#define ACTION_MAX (64UL * 1024)

/* One match: what was looked up where, and what is to be done. */
struct match {
    struct message *m;
    const char *map;  /* parameter */
    const char *part; /* "header" or "body" in log lines */
    bool by_milter;   /* a filter has made the header */
    struct str text;
    struct str argument; /* of the action */
    struct str *replacement;
};

static bool is_header(const struct match *k) { return k->part[0] == 'h'; }

static void log_event(const struct match *k, const char *action, struct str note)
{
    BUF_AUTO(name, 64);

    buf_join(&name, k->by_milter ? STR("milter-header-") : STR(""), str_from(action));
    message_log_event(k->m, buf_cstr(&name), k->part, k->text, TEXT_MAX, note);
}

/* The same for actions that a message can cause again and again. */
static void log_repeatable(const struct match *k, const char *action, struct str note)
{
    if (message_may_remark(k->m))
        log_event(k, action, note);
}

static enum check_result keep(struct match *k)
{
    (void)k;
    return CHECK_KEEP;
}

static enum check_result ignore(struct match *k)
{
    (void)k;
    return CHECK_DROP;
}

static enum check_result strip(struct match *k)
{
    log_repeatable(k, "strip", k->argument);
    return CHECK_DROP;
}

static enum check_result warn(struct match *k)
{
    log_repeatable(k, "warning", k->argument);
    return CHECK_KEEP;
}

static enum check_result info(struct match *k)
{
    log_repeatable(k, "info", k->argument);
    return CHECK_KEEP;
}

static enum check_result pass(struct match *k)
{
    log_event(k, "pass", k->argument);
    k->m->content.unchecked = true;
    return CHECK_KEEP;
}

static enum check_result hold(struct match *k)
{
    if (!(k->m->flags & CLEANUP_FLAG_HOLD))
        log_event(k, "hold", k->argument);
    k->m->flags |= CLEANUP_FLAG_HOLD;
    return CHECK_KEEP;
}

static enum check_result discard(struct match *k)
{
    log_event(k, "discard", k->argument);
    k->m->flags |= CLEANUP_FLAG_DISCARD;
    k->m->content.unchecked = true;
    return CHECK_DROP;
}

static enum check_result reject(struct match *k)
{
    struct str given = k->argument.len ? k->argument : STR("message content rejected");
    struct dsn_split split = dsn_status_split(given, STR("5.7.1"));
    BUF_AUTO(reason, ACTION_MAX);

    buf_join(&reason, split.status, STR(" "), split.text);
    log_event(k, "reject", buf_str(&reason));
    message_fail(k->m, CLEANUP_CONTENT, buf_str(&reason));
    return CHECK_KEEP;
}

static enum check_result filter(struct match *k)
{
    if (k->argument.len == 0) {
        if (message_may_remark(k->m))
            log_warning("missing FILTER command argument in %s map", k->map);
        return CHECK_KEEP;
    }
    if (!str_has(k->argument, ':')) {
        if (message_may_remark(k->m))
            log_warning("bad FILTER command " STR_FMT " in %s -- need transport:destination",
                        STR_ARG(k->argument), k->map);
        return CHECK_KEEP;
    }
    if (!message_fits(k->m, k->argument, k->map))
        return CHECK_KEEP;
    log_repeatable(k, "filter", k->argument);
    k->m->filter = arena_str(&k->m->arena, k->argument);
    return CHECK_KEEP;
}

static bool is_address(const struct match *k, const char *what)
{
    if (str_has(k->argument, '@'))
        return message_fits(k->m, k->argument, k->map);
    if (message_may_remark(k->m))
        log_warning("bad %s \"" STR_FMT "\" in %s map -- need user@domain", what,
                    STR_ARG(k->argument), k->map);
    return false;
}

static enum check_result redirect(struct match *k)
{
    if (!is_address(k, "REDIRECT target"))
        return CHECK_KEEP;
    log_event(k, "redirect", k->argument);
    k->m->redirect = arena_str(&k->m->arena, k->argument);
    k->m->content.unchecked = true; /* whoever it goes to now looks for himself */
    return CHECK_KEEP;
}

static enum check_result bcc(struct match *k)
{
    if (!is_address(k, "BCC address"))
        return CHECK_KEEP;
    log_repeatable(k, "bcc", k->argument);
    address_set_add(&k->m->bcc, arena_str(&k->m->arena, k->argument), &k->m->arena);
    return CHECK_KEEP;
}

/* Text for a header must be one. */
static bool fits(const struct match *k, const char *action)
{
    if (k->argument.len == 0) {
        if (message_may_remark(k->m))
            log_warning("%s action without text in %s map", action, k->map);
        return false;
    }
    if (!is_header(k) || header_is_line(k->argument))
        return true;
    if (message_may_remark(k->m))
        log_warning("bad %s header text \"" STR_FMT
                    "\" in %s map -- need \"headername: headervalue\"",
                    action, STR_ARG(k->argument), k->map);
    return false;
}

static enum check_result prepend(struct match *k)
{
    if (!fits(k, "PREPEND"))
        return CHECK_KEEP;
    log_repeatable(k, "prepend", k->argument);
    if (k->by_milter) {
        log_warning("the milter_header/body_checks prepend action is not implemented");
    } else if (is_header(k)) {
        output_note_utf8(k->m, k->argument);
        output_lines(k->m, k->argument);
    } else {
        output_body(k->m, k->argument, true);
    }
    return CHECK_KEEP;
}

static enum check_result replace(struct match *k)
{
    if (!fits(k, "REPLACE"))
        return CHECK_KEEP;
    log_repeatable(k, "replace", k->argument);
    *k->replacement = arena_str(&k->m->arena, k->argument);
    return CHECK_KEEP;
}

static const struct {
    const char *name;
    enum check_result (*act)(struct match *k);
} actions[] = {
    { "BCC", bcc },       { "DISCARD", discard }, { "DUNNO", keep },    { "OK", keep },
    { "FILTER", filter }, { "HOLD", hold },       { "IGNORE", ignore }, { "INFO", info },
    { "PASS", pass },     { "PREPEND", prepend }, { "REJECT", reject }, { "REDIRECT", redirect },
    { "STRIP", strip },   { "REPLACE", replace }, { "WARN", warn },
};

static enum check_result act(struct match *k, struct str value)
{
    size_t end = str_find_any(value, " \t");
    struct str name = str_sub(value, 0, end);

    k->argument = end == STR_NOT_FOUND ? STR_NONE : str_trim(str_skip(value, end));
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (str_equal_nocase(name, str_from(actions[i].name)))
            return actions[i].act(k);
    if (message_may_remark(k->m))
        log_warning("%s command in %s map: " STR_FMT, k->by_milter ? "unsupported" : "unknown",
                    k->map, STR_ARG(value));
    return CHECK_KEEP;
}

static enum check_result look_up(struct match *k, struct table_list *tables)
{
    struct message *m = k->m;
    BUF_AUTO(value, ACTION_MAX);

    if (!(k->by_milter || (m->flags & CLEANUP_FLAG_FILTER)) || m->content.unchecked ||
        m->status != CLEANUP_OK || table_list_is_empty(tables))
        return CHECK_KEEP;
    switch (table_list_lookup(tables, k->text, &value)) {
    case TABLE_FOUND:
        if (value.full && !message_fits(m, buf_str(&value), k->map))
            return CHECK_KEEP;
        return act(k, str_trim(buf_str(&value)));
    case TABLE_NOT_FOUND:
        return CHECK_KEEP;
    default:
        message_lookup_failed(m, k->map);
        return CHECK_KEEP;
    }
}

enum check_result checks_header(struct message *m, enum mime_part part, struct str header,
                                struct str *replacement)
{
    const struct {
        struct table_list *tables;
        const char *map;
    } by_part[] = {
        [MIME_PRIMARY] = { m->c->header_checks, "header_checks" },
        [MIME_MULTIPART] = { m->c->mime_header_checks, "mime_header_checks" },
        [MIME_NESTED] = { m->c->nested_header_checks, "nested_header_checks" },
    };
    struct match k = { .m = m,
                       .map = by_part[part].map,
                       .part = "header",
                       .text = header,
                       .replacement = replacement };

    return look_up(&k, by_part[part].tables);
}

enum check_result checks_milter_header(struct message *m, struct str header,
                                       struct str *replacement)
{
    struct match k = { .m = m,
                       .map = "milter_header_checks",
                       .part = "header",
                       .by_milter = true,
                       .text = header,
                       .replacement = replacement };

    return look_up(&k, m->c->milter_header_checks);
}

enum check_result checks_body(struct message *m, struct str line, struct str *replacement)
{
    struct match k = {
        .m = m, .map = "body_checks", .part = "body", .text = line, .replacement = replacement
    };
    int64_t limit = cleanup_conf.body_checks_size_limit;

    if (limit > 0 && m->content.segment_bytes >= limit)
        return CHECK_KEEP;
    m->content.segment_bytes += (int64_t)line.len + 1;
    return look_up(&k, m->c->body_checks);
}
