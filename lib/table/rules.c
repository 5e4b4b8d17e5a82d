#include "table/rules.h"

#include "base/log.h"
#include "base/mem.h"
#include "conf/logical_line.h"

#include <stdarg.h>
#include <stdlib.h>

void rules_warn(const struct rule_list *l, unsigned line, const char *fmt, ...)
{
    BUF_AUTO(text, 0);
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    log_warning("%s map %s, line %u: " STR_FMT, l->type, l->name, line, STR_ARG(buf_str(&text)));
}

void rules_free(struct rule_list *l)
{
    free(l->rules);
    arena_free(&l->arena);
}

static bool is_word_end(struct str text, size_t length)
{
    return text.len == length || !char_is_alnum(text.ptr[length]);
}

enum rule_kind rules_keyword(struct str *text)
{
    static const struct {
        struct str word;
        enum rule_kind kind;
    } words[] = { { STR("if"), RULE_IF }, { STR("endif"), RULE_ENDIF } };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_starts_nocase(*text, words[i].word) && is_word_end(*text, words[i].word.len)) {
            *text = str_trim(str_skip(*text, words[i].word.len));
            return words[i].kind;
        }
    }
    return RULE_MATCH;
}

bool rules_negation(struct str *text)
{
    bool negated = false;

    while (text->len && text->ptr[0] == '!') {
        negated = !negated;
        *text = str_trim(str_skip(*text, 1));
    }
    return negated;
}

static void add_rule(struct rule_list *l, struct str text, unsigned line, rule_parse_fn *parse)
{
    struct rule rule = { .line = line };

    if (!parse(l, text, &rule))
        return;
    if (rule.kind == RULE_ENDIF && l->depth == 0) {
        rules_warn(l, line, "%s", l->endif_unmatched);
        return;
    }
    l->depth += rule.kind == RULE_IF;
    l->depth -= rule.kind == RULE_ENDIF;
    if ((l->count & (l->count - 1)) == 0)
        l->rules = mem_resize(l->rules, sizeof *l->rules * (l->count ? 2 * l->count : 1));
    l->rules[l->count++] = rule;
}

static bool read_inline(struct rule_list *l, struct str name, rule_parse_fn *parse,
                        struct buf *error)
{
    struct str text, element;
    unsigned line = 0;
    bool braced;

    if (!table_unbrace(name, &text, error))
        return false;
    while (table_next_element(&text, &element, &braced, error)) {
        if (!braced) {
            buf_join(error, STR("no '{' at start of text in \""), element, STR("\""));
            return false;
        }
        add_rule(l, element, ++line, parse);
    }
    return error->len == 0;
}

static bool read_file(struct table *t, struct rule_list *l, rule_parse_fn *parse, struct buf *error)
{
    BUF_AUTO(text, 0);
    ARENA_AUTO(arena);

    if (!table_read_file(t, t->name, &text, error))
        return false;
    struct logical_reader reader = LOGICAL_READER(buf_str(&text), &arena);
    struct logical_line line;
    while (logical_line_next(&reader, &line)) {
        if (line.indented)
            rules_warn(l, line.number,
                       "logical line must not start with whitespace: skipping this rule");
        else if (str_has(line.text, '\0'))
            rules_warn(l, line.number, "NUL byte: skipping this rule");
        else
            add_rule(l, line.text, line.number, parse);
    }
    return true;
}

/* Give each `if` the index behind its `endif`; one that is never closed reaches to the end. */
static void link_blocks(struct rule_list *l)
{
    unsigned *open = mem_alloc(sizeof *open * (l->count + 1));
    unsigned depth = 0;

    for (unsigned i = 0; i < l->count; i++) {
        l->rules[i].next = l->count;
        if (l->rules[i].kind == RULE_IF)
            open[depth++] = i;
        else if (l->rules[i].kind == RULE_ENDIF)
            l->rules[open[--depth]].next = i + 1;
    }
    while (depth > 0)
        rules_warn(l, l->rules[open[--depth]].line, "IF has no matching ENDIF");
    free(open);
}

bool rules_read(struct table *t, struct rule_list *l, rule_parse_fn *parse, struct buf *error)
{
    BUF_AUTO(why, 0);

    if (t->name.ptr[0] == '{') {
        if (!read_inline(l, t->name, parse, &why)) {
            buf_join(error, str_from(l->type), STR(" map: "), buf_str(&why));
            return false;
        }
    } else if (!read_file(t, l, parse, error)) {
        return false;
    }
    link_blocks(l);
    return true;
}

const struct rule *rules_first_match(const struct rule_list *l,
                                     bool (*holds)(const struct rule *rule, void *context),
                                     void *context)
{
    for (unsigned i = 0; i < l->count; i++) {
        const struct rule *rule = &l->rules[i];

        if (rule->kind == RULE_ENDIF)
            continue;
        bool held = holds(rule, context);
        if (rule->kind == RULE_MATCH && held)
            return rule;
        if (rule->kind == RULE_IF && !held)
            i = rule->next - 1;
    }
    return NULL;
}
