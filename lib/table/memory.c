/* Tables that live in the memory of this process: texthash, inline, internal. */
#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "conf/params.h"
#include "table/driver.h"
#include "table/source.h"
#include "text/casefold.h"

#include <stdlib.h>

struct entry {
    size_t size;
    char bytes[];
};

static struct entry *new_entry(struct str value)
{
    struct entry *e = mem_alloc(sizeof *e + value.len);

    e->size = value.len;
    memcpy(e->bytes, value.len ? value.ptr : "", value.len);
    return e;
}

static struct str entry_value(const struct entry *e) { return (struct str){ e->bytes, e->size }; }

static enum table_result memory_lookup(struct table *t, struct str key, struct str *value)
{
    const struct entry *e = map_get(t->data, key);

    if (e == NULL)
        return TABLE_NOT_FOUND;
    *value = entry_value(e);
    return TABLE_FOUND;
}

static bool memory_update(struct table *t, struct str key, struct str value)
{
    free(map_set(t->data, key, new_entry(value)));
    return true;
}

static bool memory_remove(struct table *t, struct str key)
{
    free(map_remove(t->data, key));
    return true;
}

/* The position is the map's own cursor, kept as bytes in the caller's buffer. */
static enum table_result memory_next(struct table *t, struct buf *position, struct str *key,
                                     struct str *value)
{
    struct map_cursor cursor = { 0 };
    void *e;

    if (position->len == sizeof cursor)
        memcpy(&cursor, position->ptr, sizeof cursor);
    if (!map_next(t->data, &cursor, key, &e))
        return TABLE_NOT_FOUND;
    *value = entry_value(e);
    buf_clear(position);
    buf_add(position, (struct str){ (const char *)&cursor, sizeof cursor });
    return TABLE_FOUND;
}

static void memory_close(struct table *t)
{
    map_free(t->data, free);
    free(t->data);
}

static const struct table_ops read_only = { .lookup = memory_lookup,
                                            .next = memory_next,
                                            .close = memory_close };
static const struct table_ops read_write = { .lookup = memory_lookup,
                                             .update = memory_update,
                                             .remove = memory_remove,
                                             .next = memory_next,
                                             .close = memory_close };

static void start(struct table *t, const struct table_ops *ops)
{
    t->data = mem_alloc(sizeof(struct map));
    t->ops = ops;
}

/* The key as lookups will come: folded as table_lookup() folds. */
static struct str fold(struct table *t, struct str key)
{
    if (!(t->flags & TABLE_FOLD))
        return key;
    buf_clear(&t->folded);
    if ((t->flags & TABLE_UTF8) && site_conf.smtputf8_enable)
        casefold_utf8(key, &t->folded);
    else
        buf_add_lower(&t->folded, key);
    return buf_str(&t->folded);
}

static bool open_internal(struct table *t, struct buf *error UNUSED)
{
    start(t, &read_write);
    return true;
}

TABLE_TYPE(internal, .open = open_internal, .traits = TABLE_FIXED | TABLE_WRITES);

static bool open_texthash(struct table *t, struct buf *error)
{
    struct source_options options = { .name = t->name.ptr,
                                      .utf8 = (t->flags & TABLE_UTF8) && site_conf.smtputf8_enable,
                                      .says_ignored = true,
                                      .files = (t->flags & TABLE_VALUES_ARE_FILES) != 0 };
    struct source source;
    struct source_entry e;
    BUF_AUTO(text, 0);
    BUF_AUTO(why, 0);

    if (!table_read_file(t, t->name, &text, &why)) {
        buf_join(error, STR("open database "), str_skip(buf_str(&why), strlen("open ")));
        return false;
    }
    start(t, &read_only);
    source_init(&source, &options, buf_str(&text));
    while (source_next(&source, &e)) {
        if (map_has(t->data, fold(t, e.key)))
            log_warning("%s, line %u: duplicate entry: \"" STR_FMT "\"", options.name, e.line,
                        STR_ARG(e.key));
        else
            (void)memory_update(t, fold(t, e.key), e.value);
    }
    source_fini(&source);
    return true;
}

TABLE_TYPE(texthash, .open = open_texthash, .traits = TABLE_FIXED | TABLE_ENCODES_FILES);

/* `name=value`; in a braced element blanks around both sides do not count. */
static const char *split_pair(struct str element, bool braced, struct str *name, struct str *value)
{
    *value = element;
    *name = str_cut(value, '=');
    if (braced) {
        *name = str_trim(*name);
        *value = str_trim(*value);
    }
    if (!str_has(element, '=') || str_find_any(*name, " \t\r\n") != STR_NOT_FOUND)
        return "missing '=' after attribute name";
    return NULL;
}

static bool add_pair(struct table *t, struct str name, struct str value, struct buf *error)
{
    BUF_AUTO(encoded, 0);

    if (t->flags & TABLE_VALUES_ARE_FILES) {
        if (!source_encode_files(value, &encoded, error))
            return false;
        value = buf_str(&encoded);
    }
    return memory_update(t, fold(t, name), value);
}

static bool read_pairs(struct table *t, struct str text, struct buf *error)
{
    struct str element, name, value;
    bool braced;

    while (table_next_element(&text, &element, &braced, error)) {
        const char *wrong = split_pair(element, braced, &name, &value);
        if (wrong) {
            buf_add_cstr(error, wrong);
            return false;
        }
        if (!add_pair(t, name, value, error))
            return false;
    }
    return error->len == 0;
}

static bool open_inline(struct table *t, struct buf *error)
{
    BUF_AUTO(why, 0);
    struct str text;
    bool unbraced = table_unbrace(t->name, &text, NULL) && text.len > 0;

    start(t, &read_only);
    if (unbraced && read_pairs(t, text, &why))
        return true;
    memory_close(t);
    t->ops = NULL;
    if (why.len)
        buf_join(error, buf_str(&why), STR(": \""), str_from(t->spec), STR("\""));
    else
        buf_join(error, STR("bad syntax: \""), str_from(t->spec), STR("\""));
    buf_add(error, t->flags & TABLE_VALUES_ARE_FILES ? STR("; need \"inline:{name=filename...}\"")
                                                     : STR("; need \"inline:{name=value...}\""));
    return false;
}

TABLE_TYPE(inline, .open = open_inline, .traits = TABLE_FIXED | TABLE_ENCODES_FILES);
