/* cidr - IPv4 and IPv6 networks, asked with the text of an address. */
#include "base/mem.h"
#include "table/rules.h"
#include "table/source.h"
#include "text/netaddr.h"

#include <stdlib.h>

struct cidr {
    struct rule_list list;
    bool values_are_files;
};

struct asked {
    struct netaddr address;
};

/* A negated pattern says nothing about addresses of the other family. */
static bool holds(const struct rule *rule, void *context)
{
    const struct netblock *block = rule->pattern;
    const struct asked *asked = context;

    if (block->base.size != asked->address.size)
        return false;
    return netblock_contains(block, &asked->address) != rule->negated;
}

static enum table_result cidr_lookup(struct table *t, struct str key, struct str *value)
{
    const struct cidr *c = t->data;
    struct asked asked;

    if (!netaddr_parse(key, &asked.address))
        return TABLE_NOT_FOUND;
    const struct rule *rule = rules_first_match(&c->list, holds, &asked);
    if (rule == NULL)
        return TABLE_NOT_FOUND;
    *value = *(const struct str *)rule->result;
    return TABLE_FOUND;
}

static bool cidr_result_at(const struct table *t, size_t i, struct str *value)
{
    const struct rule_list *l = &((const struct cidr *)t->data)->list;

    for (const struct rule *rule = l->rules; rule < l->rules + l->count; rule++) {
        if (rule->kind != RULE_MATCH || i-- > 0)
            continue;
        *value = *(const struct str *)rule->result;
        return true;
    }
    return false;
}

static bool skip(struct rule_list *l, const struct rule *rule, const char *why, struct str text)
{
    if (text.ptr)
        rules_warn(l, rule->line, "%s" STR_FMT ": skipping this rule", why, STR_ARG(text));
    else
        rules_warn(l, rule->line, "%s: skipping this rule", why);
    return false;
}

static bool parse_pattern(struct rule_list *l, struct str pattern, struct rule *rule)
{
    struct netblock *block = arena_alloc(&l->arena, sizeof *block);
    BUF_AUTO(why, 0);

    if (pattern.len == 0)
        return skip(l, rule, "no address pattern", STR_NONE);
    if (!netblock_parse(pattern, block, &why))
        return skip(l, rule, "", buf_str(&why));
    rule->pattern = block;
    return true;
}

static bool parse_result(struct rule_list *l, struct str text, struct rule *rule)
{
    const struct cidr *c = CONTAINER_OF(l, struct cidr, list);
    struct str *result = arena_alloc(&l->arena, sizeof *result);
    BUF_AUTO(encoded, 0);
    BUF_AUTO(why, 0);

    if (text.len == 0)
        return skip(l, rule, "no lookup result", STR_NONE);
    if (c->values_are_files) {
        if (!source_encode_files(text, &encoded, &why))
            return skip(l, rule, "", buf_str(&why));
        text = buf_str(&encoded);
    }
    *result = arena_str(&l->arena, text);
    rule->result = result;
    return true;
}

static bool parse_rule(struct rule_list *l, struct str text, struct rule *rule)
{
    struct str pattern = STR_NONE;

    rule->kind = rules_keyword(&text);
    if (rule->kind == RULE_ENDIF)
        return text.len == 0 || skip(l, rule, "garbage after ENDIF", STR_NONE);
    rule->negated = rules_negation(&text);
    str_token(&text, " \t\r\n\v\f", &pattern);
    if (!parse_pattern(l, pattern, rule))
        return false;
    text = str_trim(text);
    if (rule->kind == RULE_MATCH)
        return parse_result(l, text, rule);
    if (text.len > 0)
        rules_warn(l, rule->line, "ignoring extra text after IF statement: \"" STR_FMT "\"",
                   STR_ARG(text));
    return true;
}

static void cidr_close(struct table *t)
{
    struct cidr *c = t->data;

    rules_free(&c->list);
    free(c);
}

static bool open_cidr(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = cidr_lookup,
                                          .result_at = cidr_result_at,
                                          .close = cidr_close };
    struct cidr *c = mem_alloc(sizeof *c);

    *c = (struct cidr){ .list = { .type = "cidr",
                                  .name = t->name.ptr,
                                  .endif_unmatched = "ENDIF without IF: skipping this rule" },
                        .values_are_files = (t->flags & TABLE_VALUES_ARE_FILES) != 0 };
    t->data = c;
    if (!rules_read(t, &c->list, parse_rule, error)) {
        cidr_close(t);
        return false;
    }
    t->ops = &ops;
    return true;
}

TABLE_TYPE(cidr, .open = open_cidr, .traits = TABLE_ENCODES_FILES);
