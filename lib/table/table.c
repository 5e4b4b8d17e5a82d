#include "table/table.h"

#include "base/base64.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "conf/params.h"
#include "os/fd.h"
#include "table/driver.h"
#include "text/casefold.h"

#include <stdlib.h>
#include <unistd.h>

#define COMPLAINTS_MAX 100

/* The tables this process has open, like the kernel's list of its descriptors: what makes sharing
 * and tables_have_changed() possible without a context in every signature above. */
static struct list open_tables = { &open_tables, &open_tables };

static struct table *find_open(struct str spec, unsigned flags)
{
    LIST_FOREACH(&open_tables, node)
    {
        struct table *t = LIST_ITEM(node, struct table, node);

        if (t->flags == flags && str_equal(str_from(t->spec), spec))
            return t;
    }
    return NULL;
}

static bool try_to_open(struct table *t, struct str type, struct buf *error)
{
    const struct table_type *found = table_type_find(type);

    if (type.len == 0 || t->name.len == 0) {
        buf_join(error, STR("open dictionary: expecting \"type:name\" form instead of \""),
                 str_from(t->spec), STR("\""));
        return false;
    }
    if (found == NULL) {
        table_type_unknown(type, error);
        return false;
    }
    if ((t->flags & TABLE_WRITE) && !(found->traits & TABLE_WRITES)) {
        buf_join(error, str_from(t->spec), STR(" map requires O_RDONLY access mode"));
        return false;
    }
    t->traits = found->traits;
    return found->open(t, error);
}

static struct table *new_table(struct str type, struct str name, unsigned flags)
{
    struct table *t = mem_alloc(sizeof *t);
    BUF_AUTO(spec, 0);

    buf_join(&spec, type, STR(":"), name);
    *t = (struct table){ .spec = mem_copy_cstr(buf_cstr(&spec)),
                         .flags = flags,
                         .references = 1,
                         .watch = { .fd = -1, .link = -1 } };
    t->name = str_skip(str_from(t->spec), type.len + 1);
    list_init(&t->node);
    return t;
}

/* Mail that needs it is deferred, unless the site wants to see at once that something is wrong. */
static void report_unopened(const struct table *t)
{
    if (site_conf.daemon_table_open_error_is_fatal)
        log_fatal(STR_FMT, STR_ARG(buf_str(&t->reason)));
    log_error(STR_FMT, STR_ARG(buf_str(&t->reason)));
}

struct table *table_open(struct str spec, unsigned flags, struct buf *error)
{
    BUF_AUTO(full, 0);
    struct str type, name;

    if (error)
        buf_clear(error);
    table_spec_split(spec, &type, &name);
    buf_join(&full, type, STR(":"), name);
    struct table *t = find_open(buf_str(&full), flags & ~(unsigned)TABLE_QUIET);
    if (t) {
        t->references++;
    } else {
        t = new_table(type, name, flags & ~(unsigned)TABLE_QUIET);
        if (!try_to_open(t, type, &t->reason) && !(flags & TABLE_QUIET))
            report_unopened(t);
        list_append(&open_tables, &t->node);
    }
    if (error)
        buf_add(error, buf_str(&t->reason));
    return t;
}

void table_close(struct table *t)
{
    if (t == NULL || --t->references > 0)
        return;
    list_remove(&t->node);
    if (t->ops && t->ops->close)
        t->ops->close(t);
    if (t->watch.owned)
        close(t->watch.fd);
    fd_close(&t->watch.link);
    buf_free(&t->scratch);
    buf_free(&t->folded);
    buf_free(&t->reason);
    free(t->spec);
    free(t);
}

struct str table_name(const struct table *t) { return str_from(t->spec); }
uid_t table_owner(const struct table *t) { return t->owner; }
bool table_is_open(const struct table *t) { return t->ops != NULL; }
bool table_takes_partial_keys(const struct table *t) { return (t->traits & TABLE_FIXED) != 0; }

static bool is_usable(const struct table *t)
{
    if (t->ops == NULL)
        log_warning("%s is unavailable. " STR_FMT, t->spec, STR_ARG(buf_str(&t->reason)));
    return t->ops != NULL;
}

static bool wants_utf8(const struct table *t)
{
    return (t->flags & TABLE_UTF8) && site_conf.smtputf8_enable;
}

/* The key as this table stores it; valid until the next call. */
static struct str fold_key(struct table *t, struct str key)
{
    if (!(t->flags & TABLE_FOLD) || !(t->traits & TABLE_FIXED))
        return key;
    buf_clear(&t->folded);
    if (wants_utf8(t))
        casefold_utf8(key, &t->folded);
    else
        buf_add_lower(&t->folded, key);
    return buf_str(&t->folded);
}

static bool decode_value(struct table *t, struct str key, struct str text, struct buf *value)
{
    BUF_AUTO(decoded, 0);

    if (!base64_decode(&decoded, text)) {
        log_warning("table %s: key " STR_FMT ": malformed BASE64 value: " STR_FMT, t->spec,
                    STR_ARG(key), STR_ARG(text));
        return false;
    }
    if (value) {
        buf_clear(value);
        buf_add(value, buf_str(&decoded));
    }
    return true;
}

/* Keys come from strangers, who have any number of them: the first tell what is going on. */
static void complain_about_bytes(struct table *t, struct str key)
{
    BUF_AUTO(shown, 0);

    if (t->complaints++ >= COMPLAINTS_MAX)
        return;
    buf_add(&shown, key);
    for (size_t i = 0; i < shown.len; i++)
        if ((unsigned char)shown.ptr[i] > 127)
            shown.ptr[i] = '?';
    log_warning("%s: non-UTF-8 key \"" STR_FMT "\": malformed UTF-8 or invalid codepoint", t->spec,
                STR_ARG(buf_str(&shown)));
}

enum table_result table_lookup(struct table *t, struct str key, struct buf *value)
{
    struct str found;

    if (!is_usable(t))
        return TABLE_ERROR;
    if (wants_utf8(t) && !utf8_is_ascii(key) && !utf8_is_valid(key)) {
        complain_about_bytes(t, key);
        return TABLE_NOT_FOUND;
    }
    enum table_result result = t->ops->lookup(t, fold_key(t, key), &found);
    if (result != TABLE_FOUND)
        return result;
    if ((t->flags & TABLE_VALUES_ARE_FILES) && (t->traits & TABLE_ENCODES_FILES))
        return decode_value(t, key, found, value) ? TABLE_FOUND : TABLE_ERROR;
    if (value) {
        buf_clear(value);
        buf_add(value, found);
    }
    return TABLE_FOUND;
}

bool table_update(struct table *t, struct str key, struct str value)
{
    return is_usable(t) && t->ops->update && t->ops->update(t, fold_key(t, key), value);
}

bool table_delete(struct table *t, struct str key)
{
    return is_usable(t) && t->ops->remove && t->ops->remove(t, fold_key(t, key));
}

enum table_result table_next(struct table *t, struct buf *position, struct buf *key,
                             struct buf *value)
{
    struct str k, v;

    if (!is_usable(t) || t->ops->next == NULL)
        return TABLE_ERROR;
    enum table_result result = t->ops->next(t, position, &k, &v);
    if (result != TABLE_FOUND)
        return result;
    if ((t->flags & TABLE_VALUES_ARE_FILES) && (t->traits & TABLE_ENCODES_FILES) &&
        !decode_value(t, k, v, value))
        return TABLE_ERROR;
    buf_clear(key);
    buf_add(key, k);
    if (value && !(t->flags & TABLE_VALUES_ARE_FILES)) {
        buf_clear(value);
        buf_add(value, v);
    }
    return TABLE_FOUND;
}

bool table_can_list(const struct table *t) { return t->ops && t->ops->next; }

bool table_result_at(const struct table *t, size_t i, struct str *value)
{
    return is_usable(t) && t->ops->result_at && t->ops->result_at(t, i, value);
}

/* "hash:/x(0,lock|fold_fix|utf8_request)": open flags and table flags under the names that log
 * readers know. */
static void describe(const struct table *t, struct buf *out)
{
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = { { TABLE_FOLD, "|fold_fix" },
                  { TABLE_NO_SUBSTITUTION, "|no_regsub" },
                  { TABLE_UTF8, "|utf8_request" },
                  { TABLE_VALUES_ARE_FILES, "|src_rhs_is_file" } };

    buf_join(out, str_from(t->spec), STR("(0,lock"));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (t->flags & names[i].flag)
            buf_add_cstr(out, names[i].name);
    buf_addc(out, ')');
}

bool tables_have_changed(struct buf *name)
{
    LIST_FOREACH(&open_tables, node)
    {
        struct table *t = LIST_ITEM(node, struct table, node);

        if (!table_watch_has_changed(&t->watch))
            continue;
        buf_clear(name);
        describe(t, name);
        return true;
    }
    return false;
}
