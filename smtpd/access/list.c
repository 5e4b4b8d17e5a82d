/* Lists of restrictions: parsing and evaluating. */
#include "smtpd/access/internal.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

#define CLASS_DEPTH_LIMIT 100

static enum outcome_kind rule_unknown(struct judge *j, const struct rule *rule)
{
    log_warning("unknown smtpd restriction: \"" STR_FMT "\"", STR_ARG(rule->name));
    return judge_configuration_error(j);
}

/* A known name of the language whose service this version does not bring. */
static enum outcome_kind rule_unavailable(struct judge *j, const struct rule *rule)
{
    log_warning("restriction " STR_FMT " needs a service that this version does not have; "
                "remove it from the configuration, until then mail is deferred",
                STR_ARG(rule->name));
    return judge_configuration_error(j);
}

static const struct rule_type unknown_type = { "unknown", rule_unknown, RULE_PLAIN };
static const struct rule_type class_type = { "class", rule_class, RULE_PLAIN };
static const struct rule_type unavailable_type = { "unavailable", rule_unavailable, RULE_MAPS };

static bool is_unavailable(struct str name)
{
    static const char *const names[] = { "check_policy_service", "reject_unverified_sender",
                                         "reject_unverified_recipient", "warn_if_unverified" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_equal(name, str_from(names[i])))
            return true;
    return false;
}

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

/* A class is parsed when it is first named, and found again after that, so that classes may name each other. */
static struct rule_list *find_class(struct access *a, struct str name)
{
    struct rule_list *list = map_get(&a->classes, name);
    struct str words = smtpd_conf.smtpd_restriction_classes, word;

    while (list == NULL && str_token(&words, ", \t\r\n", &word)) {
        if (!str_equal(word, name))
            continue;
        list = mem_alloc(sizeof *list);
        (void)map_set(&a->classes, name, list);
        rule_list_parse(a, conf_value(a->conf, name), arena_cstr(&a->arena, name), list);
    }
    return list;
}

static void parse_argument(struct access *a, struct str *rest, struct rule *rule)
{
    struct str word;

    if (!str_token_braced(rest, ", \t\r\n", &word, NULL)) {
        log_warning("restriction " STR_FMT " lacks its argument", STR_ARG(rule->name));
        rule->type = &unknown_type;
        return;
    }
    rule->argument = arena_str(&a->arena, word);
    if (rule->type->argument == RULE_MAPS && rule->type != &unavailable_type)
        rule->maps = table_list_open(rule->argument, arena_cstr(&a->arena, rule->name), TABLE_DEFAULT);
}

static void parse_one(struct access *a, struct str name, struct str *rest, struct rule *out)
{
    *out = (struct rule){ .name = arena_str(&a->arena, name) };
    out->type = rule_type_find(name);
    if (out->type == NULL && (out->restrictions = find_class(a, name)) != NULL)
        out->type = &class_type;
    if (out->type == NULL)
        out->type = is_unavailable(name) ? &unavailable_type : &unknown_type;
    if (out->type->argument != RULE_PLAIN)
        parse_argument(a, rest, out);
}

void rule_list_parse(struct access *a, struct str text, const char *parameter, struct rule_list *out)
{
    struct str word;
    size_t room = 0;

    *out = (struct rule_list){ .parameter = parameter };
    while (str_token_braced(&text, ", \t\r\n", &word, NULL)) {
        if (out->count == room) {
            room = room ? room * 2 : 8;
            out->rules = mem_resize(out->rules, room * sizeof *out->rules);
        }
        parse_one(a, word, &text, &out->rules[out->count++]);
    }
}

enum outcome_kind rule_list_judge(struct judge *j, const struct rule_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct rule *rule = &list->rules[i];
        bool arms = rule->type->judge == rule_warn_if_reject;
        enum outcome_kind result = rule->type->judge(j, rule);
        if (result != JUDGE_NEXT)
            return result;
        if (!arms && j->warn > 0)
            j->warn--;
    }
    return JUDGE_NEXT;
}
