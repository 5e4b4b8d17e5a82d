#include "table/pattern.h"

#include "base/log.h"
#include "base/mem.h"
#include "table/source.h"
#include "table/template.h"

#include <stdlib.h>

struct pattern_table {
    struct rule_list list;
    const struct pattern_engine *engine;
    unsigned flags;
};

static struct pattern_table *table_of(struct rule_list *l)
{
    return CONTAINER_OF(l, struct pattern_table, list);
}

/* ---- looking up ---- */

struct asked {
    const struct pattern_table *table;
    struct str text;
    struct pattern_groups groups;
    bool failed;
};

static bool holds(const struct rule *rule, void *context)
{
    struct asked *asked = context;
    const struct template *result = rule->result;
    bool wants_groups = result && result->highest_group > 0;

    if (asked->failed)
        return true; /* ends the walk */
    switch (asked->table->engine->match(&asked->table->list, rule->line, rule->pattern, asked->text,
                                        wants_groups ? &asked->groups : NULL)) {
    case PATTERN_NO:
        return rule->negated;
    case PATTERN_YES:
        return !rule->negated;
    default:
        asked->failed = true;
        return true;
    }
}

static void expand(const struct template *result, const struct asked *asked, struct buf *out)
{
    for (size_t i = 0; i < result->count; i++) {
        size_t group = result->parts[i].group;

        if (group == 0)
            buf_add(out, result->parts[i].text);
        else if (group < asked->groups.count && asked->groups.at[group].from != STR_NOT_FOUND)
            buf_add(out,
                    str_sub(asked->text, asked->groups.at[group].from, asked->groups.at[group].to));
    }
}

static enum table_result pattern_lookup(struct table *t, struct str key, struct str *value)
{
    const struct pattern_table *p = t->data;
    struct asked asked = { .table = p };

    /* A copy with a NUL behind it: regexec() promises not to look there, but not every stand-in
     * for it knows. */
    buf_clear(&t->folded);
    buf_add(&t->folded, key);
    asked.text = (struct str){ buf_cstr(&t->folded), key.len };
    const struct rule *rule = rules_first_match(&p->list, holds, &asked);
    if (asked.failed)
        return TABLE_ERROR;
    if (rule == NULL)
        return TABLE_NOT_FOUND;
    buf_clear(&t->scratch);
    expand(rule->result, &asked, &t->scratch);
    *value = buf_str(&t->scratch);
    return TABLE_FOUND;
}

/* ---- reading rules ---- */

struct pattern_text {
    struct str pattern;
    unsigned options;
};

static bool parse_options(struct rule_list *l, unsigned line, struct str letters, unsigned *options)
{
    const struct pattern_engine *engine = table_of(l)->engine;

    *options = engine->default_options;
    for (size_t i = 0; i < letters.len; i++) {
        size_t n = 0;
        while (n < ARRAY_LEN(engine->options) && engine->options[n].letter != letters.ptr[i])
            n++;
        if (n == ARRAY_LEN(engine->options)) {
            rules_warn(l, line, "unknown regexp option \"%c\": skipping this rule", letters.ptr[i]);
            return false;
        }
        if (engine->options[n].bit == 0)
            rules_warn(l, line, "ignoring obsolete regexp option \"%c\"", letters.ptr[i]);
        *options ^= engine->options[n].bit;
    }
    return true;
}

/* Where the delimiter at the start of `text` comes again; a backslash hides the next byte. */
static size_t find_delimiter(struct str text)
{
    for (size_t i = 1; i < text.len; i++) {
        if (text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == text.ptr[0])
            return i;
    }
    return STR_NOT_FOUND;
}

/* `/pattern/options`; `text` is advanced to what follows. */
static bool cut_pattern(struct rule_list *l, unsigned line, struct str *text,
                        struct pattern_text *out)
{
    if (text->len == 0) {
        rules_warn(l, line, "no regexp: skipping this rule");
        return false;
    }
    size_t end = find_delimiter(*text);
    if (end == STR_NOT_FOUND) {
        rules_warn(l, line, "no closing regexp delimiter \"%c\": %s", text->ptr[0],
                   table_of(l)->engine->no_delimiter_action);
        return false;
    }
    out->pattern = str_sub(*text, 1, end);
    *text = str_skip(*text, end + 1);
    size_t count = 0;
    while (count < text->len && !char_is_space(text->ptr[count]) && text->ptr[count] != '!')
        count++;
    struct str letters = str_sub(*text, 0, count);
    *text = str_trim(str_skip(*text, count));
    return parse_options(l, line, letters, &out->options);
}

static bool check_result(struct rule_list *l, const struct rule *rule, const struct template *t)
{
    if (t->highest_group == 0)
        return true;
    if (rule->negated)
        rules_warn(l, rule->line,
                   "$number found in negative match replacement text: skipping this rule");
    else if (table_of(l)->flags & TABLE_NO_SUBSTITUTION)
        rules_warn(l, rule->line,
                   "regular expression substitution is not allowed: skipping this rule");
    else
        return true;
    return false;
}

static bool parse_result(struct rule_list *l, struct str text, struct rule *rule)
{
    struct template *t = arena_alloc(&l->arena, sizeof *t);
    BUF_AUTO(encoded, 0);
    BUF_AUTO(why, 0);

    rule->result = t;
    if (text.len == 0)
        rules_warn(l, rule->line, "no replacement text: using empty string");
    if (table_of(l)->flags & TABLE_VALUES_ARE_FILES) {
        if (!source_encode_files(text, &encoded, &why)) {
            rules_warn(l, rule->line, STR_FMT ": skipping this rule", STR_ARG(buf_str(&why)));
            return false;
        }
        text = buf_str(&encoded);
    }
    if (!template_parse(&l->arena, text, t, &why)) {
        rules_warn(l, rule->line, STR_FMT, STR_ARG(buf_str(&why)));
        rules_warn(l, rule->line, "bad replacement syntax: skipping this rule");
        return false;
    }
    return check_result(l, rule, t);
}

static bool compile(struct rule_list *l, struct rule *rule, const struct pattern_text *text)
{
    const struct pattern_engine *engine = table_of(l)->engine;
    const struct template *result = rule->result;
    size_t wanted = result ? result->highest_group : 0, groups = 0;

    rule->pattern =
        engine->compile(l, rule->line, text->pattern, text->options, wanted > 0, &groups);
    if (rule->pattern == NULL)
        return false;
    if (wanted > MIN(groups, (size_t)PATTERN_GROUPS_MAX)) {
        rules_warn(l, rule->line, "out of range replacement index \"%zu\": skipping this rule",
                   wanted);
        engine->release(rule->pattern);
        return false;
    }
    return true;
}

static bool parse_if(struct rule_list *l, struct str text, struct rule *rule)
{
    struct pattern_text pattern;

    rule->negated = rules_negation(&text);
    if (!cut_pattern(l, rule->line, &text, &pattern))
        return false;
    if (text.len > 0) {
        rules_warn(l, rule->line, "ignoring extra text after IF statement: \"" STR_FMT "\"",
                   STR_ARG(text));
        rules_warn(l, rule->line, "do not prepend whitespace to statements between IF and ENDIF");
    }
    return compile(l, rule, &pattern);
}

static bool parse_match(struct rule_list *l, struct str text, struct rule *rule)
{
    struct pattern_text pattern;

    rule->negated = rules_negation(&text);
    if (text.len && char_is_alnum(text.ptr[0])) {
        rules_warn(l, rule->line, "ignoring unrecognized request");
        return false;
    }
    return cut_pattern(l, rule->line, &text, &pattern) && parse_result(l, text, rule) &&
           compile(l, rule, &pattern);
}

static bool parse_rule(struct rule_list *l, struct str text, struct rule *rule)
{
    rule->kind = rules_keyword(&text);
    if (rule->kind == RULE_IF)
        return parse_if(l, text, rule);
    if (rule->kind == RULE_MATCH)
        return parse_match(l, text, rule);
    if (text.len > 0)
        rules_warn(l, rule->line, "ignoring extra text after ENDIF");
    return true;
}

static void pattern_close(struct table *t)
{
    struct pattern_table *p = t->data;

    for (unsigned i = 0; i < p->list.count; i++)
        if (p->list.rules[i].pattern)
            p->engine->release(p->list.rules[i].pattern);
    rules_free(&p->list);
    free(p);
}

bool pattern_table_open(struct table *t, const struct pattern_engine *engine, struct buf *error)
{
    static const struct table_ops ops = { .lookup = pattern_lookup, .close = pattern_close };
    struct pattern_table *p = mem_alloc(sizeof *p);

    *p =
        (struct pattern_table){ .list = { .type = engine->type,
                                          .name = t->name.ptr,
                                          .endif_unmatched = "ignoring ENDIF without matching IF" },
                                .engine = engine,
                                .flags = t->flags };
    t->data = p;
    if (!rules_read(t, &p->list, parse_rule, error)) {
        pattern_close(t);
        return false;
    }
    t->ops = &ops;
    return true;
}
