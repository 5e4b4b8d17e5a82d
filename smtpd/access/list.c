/* Lists of restrictions: parsing and evaluating. */
#include "base/log.h"
#include "smtpd/access/internal.h"
#include "smtpd/reject_log.h"

#define CLASS_DEPTH_LIMIT 100
#define SEPARATORS        ", \t\r\n"

static enum outcome_kind rule_unknown(struct judge *j, const struct rule *rule)
{
    if (j->subject == SUBJECT_REWRITE) {
        log_warning("parameter local_header_rewrite_clients: invalid request: " STR_FMT,
                    STR_ARG(rule->name));
        return JUDGE_NEXT;
    }
    log_warning("unknown smtpd restriction: \"" STR_FMT "\"", STR_ARG(rule->name));
    if (str_has(rule->name, ':')) /* meant as a table: as if it could not be opened */
        return judge_reject(j, 451, "4.3.5", "Server configuration error");
    return judge_configuration_error(j);
}

static const struct rule_type unknown_type = { .name = "unknown", .judge = rule_unknown };

static enum outcome_kind rule_lacks_table(struct judge *j, const struct rule *rule)
{
    log_warning("restriction " STR_FMT ": bad argument \"" STR_FMT "\": need maptype:mapname",
                STR_ARG(rule->name), STR_ARG(rule->argument));
    return judge_configuration_error(j);
}

static const struct rule_type no_table_type = { .name = "no table", .judge = rule_lacks_table };
static const struct rule_type class_type = { .name = "class", .judge = rule_class };
/* `type:table` without a word before it. */
static const struct rule_type table_type = { .name = "access table",
                                             .judge = rule_check_default_access,
                                             .argument = RULE_MAPS };

enum outcome_kind rule_class(struct judge *j, const struct rule *rule)
{
    if (j->depth >= CLASS_DEPTH_LIMIT) {
        log_warning("restriction class " STR_FMT " calls itself", STR_ARG(rule->name));
        return judge_configuration_error(j);
    }
    j->depth++;
    enum outcome_kind result = rule_list_judge(j, rule->restrictions);
    j->depth--;
    return result;
}

/* All of them, before the jail: a class that only a table's answer names has tables of its own.  First the names, as
 * classes may name each other. */
void rule_classes_open(struct access *a)
{
    struct str words = smtpd_conf.smtpd_restriction_classes, rest = words, name;

    while (str_token(&rest, SEPARATORS, &name))
        if (map_get(&a->classes, name) == NULL)
            (void)map_set(&a->classes, name, arena_alloc(&a->arena, sizeof(struct rule_list)));
    while (str_token(&words, SEPARATORS, &name)) {
        struct str text = conf_value(a->conf, name);

        if (text.len == 0)
            log_fatal("restriction class `" STR_FMT "' needs a definition", STR_ARG(name));
        rule_list_parse(a, &a->arena, text, arena_cstr(&a->arena, name),
                        map_get(&a->classes, name));
    }
}

/* `search_order = WORD ...`; false, logged: something else, or a word that is none. */
static bool parse_search_order(struct rule *rule, struct str text)
{
    struct str name = str_trim(str_cut(&text, '=')), words = text, word;

    if (!str_equal(name, STR("search_order"))) {
        log_warning("unknown attribute '" STR_FMT "' in '" STR_FMT "'", STR_ARG(name),
                    STR_ARG(rule->argument));
        return false;
    }
    while (str_token(&words, SEPARATORS, &word)) {
        if (certificate_search_is_known(word))
            continue;
        log_warning("unknown search type '" STR_FMT "' in '" STR_FMT "'", STR_ARG(word),
                    STR_ARG(rule->argument));
        return false;
    }
    rule->search_order = str_trim(text);
    return true;
}

/* `type:table`, or `type:table, { search_order = ... }` of what stood in braces.  Without its maps the rule knows that it was
 * misunderstood. */
static void parse_certificate_rule(struct arena *arena, struct rule *rule)
{
    struct str rest = rule->argument, table = STR(""), option;
    bool ok = str_token_braced(&rest, SEPARATORS, &table, NULL);

    rule->search_order = STR("cert_fingerprint, pubkey_fingerprint");
    while (ok && str_token_braced(&rest, SEPARATORS, &option, NULL))
        ok = parse_search_order(rule, option);
    if (ok)
        rule->maps =
            table_list_open(arena_str(arena, table), arena_cstr(arena, rule->name), TABLE_DEFAULT);
}

/* What a list is made of: `arena` lives as long as it does. */
struct parsing {
    struct access *a;
    struct arena *arena;
    struct str rest;
};

static void parse_argument(const struct parsing *p, struct str *rest, struct rule *rule)
{
    bool tables = rule->type->argument == RULE_MAPS;
    struct str word;

    /* What else lacks its argument says so itself. */
    if (!str_token_braced(rest, SEPARATORS, &word, NULL))
        word = tables ? rule->name : STR("");
    rule->argument = arena_str(p->arena, word);
    if (rule->type->argument == RULE_SERVER)
        rule->policy = policy_open(p->a, rule->argument);
    if (tables && !str_has(word, ':'))
        rule->type = &no_table_type;
    else if (rule->type->judge == rule_check_ccert_access)
        parse_certificate_rule(p->arena, rule);
    else if (tables)
        rule->maps =
            table_list_open(rule->argument, arena_cstr(p->arena, rule->name), TABLE_DEFAULT);
}

static void parse_one(struct parsing *p, struct str name, struct rule *out)
{
    *out = (struct rule){ .name = arena_str(p->arena, name) };
    out->type = rule_type_find(name);
    if (out->type == NULL && str_has(name, ':') && !str_starts(name, STR("{"))) {
        struct str table = out->name;
        out->type = &table_type;
        parse_argument(p, &table, out);
        return;
    }
    if (out->type == NULL && (out->restrictions = map_get(&p->a->classes, name)) != NULL)
        out->type = &class_type;
    if (out->type == NULL)
        out->type = &unknown_type;
    if (out->type->argument != RULE_PLAIN)
        parse_argument(p, &p->rest, out);
}

/* Braces hold the parts of an argument together; around a restriction they are a mistake, which its judgement
 * reports. */
static bool next_word(struct parsing *p, struct str *word)
{
    BUF_AUTO(whole, 0);
    bool braced = false;

    if (!str_token_braced(&p->rest, SEPARATORS, word, &braced))
        return false;
    if (braced) {
        buf_join(&whole, STR("{ "), *word, STR(" }"));
        *word = arena_str(p->arena, buf_str(&whole));
    }
    return true;
}

static struct rule *new_rule(struct rule_list *list, struct arena *arena)
{
    size_t n = list->count;

    if ((n & (n - 1)) == 0) { /* full at each power of two */
        struct rule *more = arena_alloc(arena, MAX(2 * n, 1) * sizeof *more);
        if (n)
            memcpy(more, list->rules, n * sizeof *more);
        list->rules = more;
    }
    return &list->rules[list->count++];
}

void rule_list_parse(struct access *a, struct arena *arena, struct str text, const char *parameter,
                     struct rule_list *out)
{
    struct parsing p = { a, arena, text };
    struct str word;

    *out = (struct rule_list){ .parameter = parameter };
    while (next_word(&p, &word))
        parse_one(&p, word, new_rule(out, arena));
}

void judge_log_permit(struct judge *j, struct str action, struct str table)
{
    struct match_list *wanted = j->access->logged_permits;

    if (j->subject == SUBJECT_REWRITE || match_list_is_empty(wanted) ||
        match_string(wanted, action) != MATCH_YES)
        return;
    reject_log_event(j->s, "permit", j->rcpt ? j->rcpt->path : STR_NONE,
                     "action=" STR_FMT " for %s=" STR_FMT " %s" STR_FMT, STR_ARG(action),
                     judge_subject_class(j->subject), STR_ARG(judge_subject_text(j)),
                     table.len ? "from " : "", STR_ARG(table));
}

static void log_permit(struct judge *j, const struct rule *rule)
{
    enum subject_kind before = j->subject;

    /* What is behind tables and classes has been logged. */
    if (before == SUBJECT_REWRITE || rule->maps || rule->type == &class_type)
        return;
    if (rule->type->about != SUBJECT_LIST)
        j->subject = rule->type->about;
    judge_log_permit(j, rule->name, STR(""));
    j->subject = before;
}

static void log_ignored(const struct rule *ends, const struct rule *next)
{
    log_warning("restriction `" STR_FMT "' after `" STR_FMT "' is ignored", STR_ARG(next->name),
                STR_ARG(ends->name));
}

static struct smtp_reply said_since(struct smtp_reply before, struct smtp_reply after)
{
    return before.code == after.code && str_equal(before.text, after.text)
               ? (struct smtp_reply){ 0 }
               : after;
}

static enum outcome_kind judge_watched(struct judge *j, const struct rule_list *list,
                                       const struct rule *rule)
{
    static const enum access_verdict verdicts[] = {
        [JUDGE_NEXT] = ACCESS_NO_OPINION,
        [JUDGE_PERMIT] = ACCESS_PERMITS,
        [JUDGE_REJECT] = ACCESS_REJECTS,
    };
    const struct access_watcher *w = j->access->watcher;
    struct smtp_reply permit = j->defer_if_permit, reject = j->defer_if_reject;
    enum outcome_kind result = JUDGE_NEXT;

    w->begin(w->context, list->parameter, rule->name, rule->argument);
    if (rule->type->asks & ~w->may_ask) {
        w->end(w->context, ACCESS_NOT_ASKED, rule->type->asks, (struct smtp_reply){ 0 },
               (struct smtp_reply){ 0 });
        return result;
    }
    result = rule->type->judge(j, rule);
    permit = said_since(permit, j->defer_if_permit);
    w->end(w->context, verdicts[result], rule->type->asks,
           result == JUDGE_REJECT ? j->reply : (struct smtp_reply){ 0 },
           permit.code ? permit : said_since(reject, j->defer_if_reject));
    return result;
}

enum outcome_kind rule_judge(struct judge *j, const struct rule_list *list, const struct rule *rule)
{
    return j->access->watcher ? judge_watched(j, list, rule) : rule->type->judge(j, rule);
}

enum outcome_kind rule_list_judge(struct judge *j, const struct rule_list *list)
{
    bool inherited = j->warn; /* the list itself may stand behind warn_if_reject */
    enum outcome_kind result = JUDGE_NEXT;

    for (size_t i = 0; i < list->count && result == JUDGE_NEXT; i++) {
        const struct rule *rule = &list->rules[i];
        if (rule->type->judge == rule_warn_if_reject) {
            j->warn = true;
            continue;
        }
        result = rule_judge(j, list, rule);
        if (result != JUDGE_NEXT && rule->type->ends_list && i + 1 < list->count)
            log_ignored(rule, rule + 1);
        if (result == JUDGE_PERMIT)
            log_permit(j, rule);
        j->warn = inherited;
    }
    j->warn = inherited;
    return result;
}
