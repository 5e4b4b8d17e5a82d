#include "table/match.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "conf/logical_line.h"
#include "conf/params.h"
#include "os/fd.h"
#include "table/driver.h"
#include "table/parents.h"
#include "table/witness.h"
#include "text/casefold.h"
#include "text/netaddr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

struct element {
    enum element_kind {
        ELEMENT_TEXT,
        ELEMENT_TABLE,
        ELEMENT_BROKEN_FILE, /* `text` is its name, `why` the reason */
    } kind;
    bool negated;
    bool is_network;
    struct str text;
    struct str why; /* a network was meant, and what is wrong with it */
    bool is_v6;     /* that one */
    struct netblock network;
    struct table *table;
};

struct match_list {
    char *parameter;
    unsigned flags;
    struct element *elements;
    size_t count;
    struct arena arena;
};

/* What is being matched, in each form that an element may want. */
struct subject {
    struct str name;
    struct str address;
    struct netaddr parsed;
    bool has_address; /* `parsed` is set */
};

typedef enum match_result match_fn(const struct match_list *l, const struct element *e,
                                   const struct subject *s);

unsigned match_flags_for(const char *parameter)
{
    bool subdomains = str_has_word(site_conf.parent_domain_matches_subdomains, str_from(parameter));

    return subdomains ? MATCH_SUBDOMAINS : 0;
}

/* ---- reading the list ---- */

enum { FILE_NESTING_MAX = 10 };

static void read_list(struct match_list *l, struct str text, bool negated, int depth);

static struct element *add_element(struct match_list *l, enum element_kind kind, struct str text,
                                   bool negated)
{
    if ((l->count & (l->count - 1)) == 0)
        l->elements = mem_resize(l->elements, sizeof *l->elements * (l->count ? 2 * l->count : 1));
    struct element *e = &l->elements[l->count++];
    *e = (struct element){ .kind = kind, .negated = negated, .text = arena_str(&l->arena, text) };
    return e;
}

static void add_broken_file(struct match_list *l, struct str name, const char *why, bool negated)
{
    struct element *e = add_element(l, ELEMENT_BROKEN_FILE, name, negated);
    BUF_AUTO(text, 0);

    buf_join(&text, STR("open file "), name, STR(": "), str_from(why));
    log_error(STR_FMT, STR_ARG(buf_str(&text)));
    e->why = arena_str(&l->arena, buf_str(&text));
}

static void read_list_file(struct match_list *l, struct str name, bool negated, int depth)
{
    ARENA_AUTO(arena);
    BUF_AUTO(path, 0);
    BUF_AUTO(text, 0);

    buf_add(&path, name);
    if (depth >= FILE_NESTING_MAX) {
        add_broken_file(l, name, "files include each other too deeply", negated);
        return;
    }
    if (!fd_read_plain_file(buf_cstr(&path), &text)) {
        add_broken_file(l, name, strerror(errno), negated);
        return;
    }
    struct logical_reader reader = LOGICAL_READER(buf_str(&text), &arena);
    struct logical_line line;
    while (logical_line_next(&reader, &line))
        read_list(l, line.text, negated, depth + 1);
}

static void add_text(struct match_list *l, struct str text, bool negated)
{
    BUF_AUTO(folded, 0);
    BUF_AUTO(why, 0);

    casefold_utf8(text, &folded);
    struct element *e = add_element(l, ELEMENT_TEXT, buf_str(&folded), negated);
    e->is_network = netblock_parse(text, &e->network, &why);
    if (e->is_network || !netblock_is_meant(text))
        return;
    e->why = arena_str(&l->arena, buf_str(&why));
    e->is_v6 = str_has(text, ':');
}

static void add_pattern(struct match_list *l, struct str text, bool negated, int depth)
{
    struct netblock network;

    while (text.len && text.ptr[0] == '!') {
        negated = !negated;
        text = str_skip(text, 1);
    }
    if (text.len == 0)
        log_warning("%s: no pattern after '!'", l->parameter);
    else if (text.ptr[0] == '/')
        read_list_file(l, text, negated, depth);
    else if (str_has(text, ':') && text.ptr[0] != '[' && !netblock_parse(text, &network, NULL))
        add_element(l, ELEMENT_TABLE, text, negated)->table = table_open(text, TABLE_DEFAULT, NULL);
    else
        add_text(l, text, negated);
}

/* A `#` behind something else begins no comment in a file of patterns; nor is it a pattern that anybody means. */
static bool is_comment(const struct match_list *l, struct str element, struct str rest)
{
    if (!str_starts(element, STR("#")))
        return false;
    rest = str_trim(rest);
    log_warning("%s: comment at end of line is not supported: " STR_FMT " " STR_FMT "%s",
                l->parameter, STR_ARG(element), STR_ARG(rest), rest.len ? "?" : "");
    return true;
}

static void read_list(struct match_list *l, struct str text, bool negated, int depth)
{
    struct str element;

    while (str_token_braced(&text, ", \t\r\n", &element, NULL)) {
        if (depth > 0 && is_comment(l, element, text))
            return;
        add_pattern(l, element, negated, depth);
    }
}

struct match_list *match_list_open(struct str text, const char *parameter, unsigned flags)
{
    struct match_list *l = mem_alloc(sizeof *l);

    *l = (struct match_list){ .parameter = mem_copy_cstr(parameter), .flags = flags };
    read_list(l, text, false, 0);
    return l;
}

void match_list_close(struct match_list *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->count; i++)
        table_close(l->elements[i].table);
    free(l->elements);
    free(l->parameter);
    arena_free(&l->arena);
    free(l);
}

bool match_list_is_empty(const struct match_list *l) { return l == NULL || l->count == 0; }

/* ---- matching ---- */

static void testify(const struct match_list *l, const struct element *e, struct str key,
                    enum table_result result)
{
    table_testify(&(struct table_testimony){ .parameter = l->parameter,
                                             .table = e->text,
                                             .key = key,
                                             .result = result,
                                             .negated = e->negated });
}

static enum match_result ask_table(const struct match_list *l, const struct element *e,
                                   struct str key)
{
    struct table *t = e->table;
    enum table_result result = table_lookup(t, key, NULL);

    if (result != TABLE_NOT_FOUND)
        testify(l, e, key, result);
    switch (result) {
    case TABLE_FOUND:
        return MATCH_YES;
    case TABLE_NOT_FOUND:
        return MATCH_NO;
    default:
        log_warning("%s: " STR_FMT ": table lookup problem", l->parameter, STR_ARG(table_name(t)));
        return MATCH_ERROR;
    }
}

static enum match_result from_bool(bool yes) { return yes ? MATCH_YES : MATCH_NO; }

static enum match_result match_element_string(const struct match_list *l, const struct element *e,
                                              const struct subject *s)
{
    if (e->kind == ELEMENT_TABLE)
        return ask_table(l, e, s->name);
    return from_bool(str_equal_nocase(e->text, s->name));
}

/* A name and its parents, `.parent` or with MATCH_SUBDOMAINS `parent`. */
static enum match_result ask_table_for_domain(const struct match_list *l, const struct element *e,
                                              struct str name)
{
    struct parents parents = parents_of(name, !(l->flags & MATCH_SUBDOMAINS));
    enum match_result result = ask_table(l, e, name);

    while (result == MATCH_NO && table_takes_partial_keys(e->table) &&
           parents_next(&parents, &name))
        result = ask_table(l, e, name);
    return result;
}

static bool is_below(struct str name, struct str domain)
{
    return name.len > domain.len + 1 && str_ends_nocase(name, domain) &&
           name.ptr[name.len - domain.len - 1] == '.';
}

static enum match_result match_element_domain(const struct match_list *l, const struct element *e,
                                              const struct subject *s)
{
    if (e->kind == ELEMENT_TABLE)
        return ask_table_for_domain(l, e, s->name);
    if (str_equal_nocase(e->text, s->name))
        return MATCH_YES;
    if (l->flags & MATCH_SUBDOMAINS)
        return from_bool(is_below(s->name, e->text));
    return from_bool(e->text.ptr[0] == '.' && is_below(s->name, str_skip(e->text, 1)));
}

static enum match_result match_element_address(const struct match_list *l, const struct element *e,
                                               const struct subject *s)
{
    if (e->kind == ELEMENT_TABLE)
        return ask_table(l, e, s->address);
    if (e->why.len && s->has_address && e->is_v6 == (s->parsed.size == 16)) {
        log_warning("%s: " STR_FMT, l->parameter, STR_ARG(e->why));
        return MATCH_ERROR;
    }
    if (e->is_network && s->has_address)
        return from_bool(netblock_contains(&e->network, &s->parsed));
    return from_bool(str_equal_nocase(e->text, s->address));
}

static enum match_result match_element_client(const struct match_list *l, const struct element *e,
                                              const struct subject *s)
{
    enum match_result result = MATCH_NO;

    if (!e->is_network && e->why.len == 0)
        result = match_element_domain(l, e, s);
    return result == MATCH_NO ? match_element_address(l, e, s) : result;
}

static enum match_result match_list(const struct match_list *l, const struct subject *s,
                                    match_fn *match)
{
    BUF_AUTO(name, 0);
    struct subject folded = *s;

    if (l == NULL)
        return MATCH_NO;
    if (!utf8_is_ascii(s->name)) {
        casefold_utf8(s->name, &name);
        folded.name = buf_str(&name);
    }
    for (size_t i = 0; i < l->count; i++) {
        const struct element *e = &l->elements[i];
        enum match_result result;

        if (e->kind == ELEMENT_BROKEN_FILE) {
            log_warning("non-existent:" STR_FMT " is unavailable. " STR_FMT, STR_ARG(e->text),
                        STR_ARG(e->why));
            log_warning("%s: non-existent:" STR_FMT ": table lookup problem", l->parameter,
                        STR_ARG(e->text));
            return MATCH_ERROR;
        }
        result = match(l, e, &folded);
        if (result == MATCH_ERROR)
            return MATCH_ERROR;
        if (result == MATCH_YES && e->kind != ELEMENT_TABLE)
            testify(l, e, STR_NONE, TABLE_FOUND);
        if (result == MATCH_YES)
            return e->negated ? MATCH_NO : MATCH_YES;
    }
    return MATCH_NO;
}

static struct subject subject_of(struct str name, struct str address)
{
    struct subject s = { .name = name, .address = address };

    s.has_address = netaddr_parse(address, &s.parsed);
    return s;
}

enum match_result match_string(struct match_list *l, struct str text)
{
    struct subject s = { .name = text };

    return match_list(l, &s, match_element_string);
}

enum match_result match_domain(struct match_list *l, struct str domain)
{
    struct subject s = { .name = domain };

    return match_list(l, &s, match_element_domain);
}

enum match_result match_address(struct match_list *l, struct str address)
{
    struct subject s = subject_of(STR_NONE, address);

    return match_list(l, &s, match_element_address);
}

enum match_result match_host_address(struct match_list *l, struct str name, struct str address)
{
    struct subject s = subject_of(name, address);

    return match_list(l, &s, match_element_client);
}
