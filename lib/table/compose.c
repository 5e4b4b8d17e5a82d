/* Tables made of other tables: pipemap, unionmap, randmap, debug. */
#include "base/log.h"
#include "base/mem.h"
#include "table/driver.h"
#include "table/source.h"

#include <stdlib.h>
#include <sys/random.h>

struct members {
    size_t count;
    struct table *tables[];
};

static void members_close(struct table *t)
{
    struct members *m = t->data;

    for (size_t i = 0; i < m->count; i++)
        table_close(m->tables[i]);
    free(m);
}

static struct members *add_member(struct members *m, struct table *member)
{
    size_t count = m ? m->count : 0;

    m = mem_resize(m, sizeof *m + (count + 1) * sizeof(struct table *));
    m->tables[count] = member;
    m->count = count + 1;
    return m;
}

static uid_t owner_of_both(uid_t a, uid_t b)
{
    if (a == 0 || b == 0 || a == b)
        return a ? a : b;
    return TABLE_OWNER_MANY;
}

/* Opens one inner table; partial keys are for compositions whose members all take them. */
static bool open_member(struct table *t, struct str spec, struct buf *error)
{
    struct table *member = table_open(spec, t->flags | TABLE_QUIET, error);

    if (t->data == NULL)
        t->traits = TABLE_FIXED;
    t->data = add_member(t->data, member);
    t->owner = owner_of_both(t->owner, table_owner(member));
    if (!table_takes_partial_keys(member))
        t->traits = 0;
    return table_is_open(member);
}

static bool bad_syntax(struct table *t, const char *type, const char *element, struct buf *error)
{
    buf_join(error, STR("bad syntax: \""), str_from(t->spec), STR("\"; need \""), str_from(type),
             STR(":{"), str_from(element), STR("...}\""));
    return false;
}

static bool open_members(struct table *t, const char *type, struct buf *error)
{
    struct str text, spec;

    if (!table_unbrace(t->name, &text, NULL) || text.len == 0)
        return bad_syntax(t, type, "type:name", error);
    while (str_token_braced(&text, ", \t\r\n", &spec, NULL)) {
        if (open_member(t, spec, error))
            continue;
        members_close(t);
        return false;
    }
    return t->data != NULL || bad_syntax(t, type, "type:name", error);
}

/* pipemap:{a,b} - the result of one is the key of the next. */

static enum table_result pipemap_lookup(struct table *t, struct str key, struct str *value)
{
    struct members *m = t->data;
    BUF_AUTO(current, 0);

    buf_add(&current, key);
    for (size_t i = 0; i < m->count; i++) {
        enum table_result result = table_lookup(m->tables[i], buf_str(&current), &t->scratch);
        if (result != TABLE_FOUND)
            return result;
        buf_clear(&current);
        buf_add(&current, buf_str(&t->scratch));
    }
    *value = buf_str(&t->scratch);
    return TABLE_FOUND;
}

static bool open_pipemap(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = pipemap_lookup, .close = members_close };

    if (!open_members(t, "pipemap", error))
        return false;
    t->ops = &ops;
    return true;
}

TABLE_TYPE(pipemap, .open = open_pipemap);

/* unionmap:{a,b} - all results, joined by commas. */

static enum table_result unionmap_lookup(struct table *t, struct str key, struct str *value)
{
    struct members *m = t->data;
    BUF_AUTO(one, 0);
    size_t found = 0;

    buf_clear(&t->scratch);
    for (size_t i = 0; i < m->count; i++) {
        enum table_result result = table_lookup(m->tables[i], key, &one);
        if (result == TABLE_ERROR)
            return TABLE_ERROR;
        if (result == TABLE_FOUND)
            buf_join(&t->scratch, found++ ? STR(",") : STR(""), buf_str(&one));
    }
    *value = buf_str(&t->scratch);
    return found ? TABLE_FOUND : TABLE_NOT_FOUND;
}

static bool open_unionmap(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = unionmap_lookup, .close = members_close };

    if (!open_members(t, "unionmap", error))
        return false;
    t->ops = &ops;
    return true;
}

TABLE_TYPE(unionmap, .open = open_unionmap);

/* randmap:{a,b} - one of the values, by chance. */

struct choices {
    size_t count;
    struct str *values; /* in the table's name, or `owned`: one allocation each */
    bool owned;
};

static enum table_result randmap_lookup(struct table *t, struct str key UNUSED, struct str *value)
{
    const struct choices *c = t->data;
    uint32_t number;

    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return TABLE_ERROR;
    *value = c->values[number % c->count];
    return TABLE_FOUND;
}

static void randmap_close(struct table *t)
{
    struct choices *c = t->data;

    for (size_t i = 0; c->owned && i < c->count; i++)
        free(mem_unconst(c->values[i].ptr));
    free(c->values);
    free(c);
}

static bool add_choice(struct choices *c, struct str value, struct buf *error)
{
    BUF_AUTO(encoded, 0);

    if (c->owned) {
        if (!source_encode_files(value, &encoded, error))
            return false;
        value = (struct str){ mem_copy_cstr(buf_cstr(&encoded)), encoded.len };
    }
    c->values = mem_resize(c->values, (c->count + 1) * sizeof c->values[0]);
    c->values[c->count++] = value;
    return true;
}

static bool open_randmap(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = randmap_lookup, .close = randmap_close };
    struct str text, element;
    bool braced, ok = true;

    if (!table_unbrace(t->name, &text, NULL) || text.len == 0)
        return bad_syntax(t, "randmap", "value", error);
    struct choices *c = mem_alloc(sizeof *c);
    c->owned = (t->flags & TABLE_VALUES_ARE_FILES) != 0;
    t->data = c;
    while (ok && str_token_braced(&text, ", \t\r\n", &element, &braced))
        ok = add_choice(c, element, error);
    if (!ok)
        randmap_close(t);
    else
        t->ops = &ops;
    return ok;
}

TABLE_TYPE(randmap, .open = open_randmap, .traits = TABLE_FIXED | TABLE_ENCODES_FILES);

/* debug:type:name - logs every lookup.  table_open_inside - the table that is named, itself. */

static enum table_result inner_lookup(struct table *t, struct str key, struct str *value)
{
    struct members *m = t->data;
    enum table_result result = table_lookup(m->tables[0], key, &t->scratch);

    *value = buf_str(&t->scratch);
    return result;
}

static enum table_result debug_lookup(struct table *t, struct str key, struct str *value)
{
    static const char *const outcomes[] = {
        [TABLE_NOT_FOUND] = "not found", [TABLE_ERROR] = "error"
    };
    enum table_result result = inner_lookup(t, key, value);

    if (result == TABLE_FOUND)
        log_info(STR_FMT " lookup: \"" STR_FMT "\" = \"" STR_FMT "\"", STR_ARG(t->name),
                 STR_ARG(key), STR_ARG(*value));
    else
        log_info(STR_FMT " lookup: \"" STR_FMT "\" = \"%s\"", STR_ARG(t->name), STR_ARG(key),
                 outcomes[result]);
    return result;
}

static bool inner_update(struct table *t, struct str key, struct str value)
{
    return table_update(((struct members *)t->data)->tables[0], key, value);
}

static bool inner_remove(struct table *t, struct str key)
{
    return table_delete(((struct members *)t->data)->tables[0], key);
}

static bool open_inner(struct table *t, const struct table_ops *ops, struct buf *error)
{
    if (!open_member(t, t->name, error)) {
        members_close(t);
        return false;
    }
    t->ops = ops;
    return true;
}

static bool open_debug(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = debug_lookup,
                                          .update = inner_update,
                                          .remove = inner_remove,
                                          .close = members_close };

    return open_inner(t, &ops, error);
}

TABLE_TYPE(debug, .open = open_debug, .traits = TABLE_WRITES);

bool table_open_inside(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = inner_lookup,
                                          .update = inner_update,
                                          .remove = inner_remove,
                                          .close = members_close };

    return open_inner(t, &ops, error);
}
