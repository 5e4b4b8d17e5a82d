#include "table/plugged.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "os/door.h"
#include "os/fd.h"
#include "table/key_domain.h"
#include "table/plugin.h"
#include "table/settings.h"
#include "table/tablemgr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

struct plugged {
    const struct table_plugin *plugin;
    void *table;               /* the plug-in's */
    struct match_list *domain; /* NULL: keys of all */
    int entry;                 /* of tablemgr's list */
    struct buf key;
};

static struct str type_of(const struct table *t)
{
    struct str rest = str_from(t->spec);

    return str_cut(&rest, ':');
}

static void plugged_close(struct table *t)
{
    struct plugged *p = t->data;

    if (p->table)
        p->plugin->close(p->table);
    match_list_close(p->domain);
    buf_free(&p->key);
    free(p);
}

/* ---- lookups ---- */

/* A command ends of it, with its text for whoever is trying out the table; in a daemon mail waits. */
static enum table_result tell_broken(struct str text)
{
    if (!door_is_only_way())
        log_fatal(STR_FMT, STR_ARG(text));
    log_warning(STR_FMT, STR_ARG(text));
    return TABLE_ERROR;
}

static enum table_result finish(struct table *t, enum plugin_result result, struct str *value)
{
    *value = buf_str(&t->scratch);
    switch (result) {
    case PLUGIN_FOUND:
        return TABLE_FOUND;
    case PLUGIN_NOT_FOUND:
        return TABLE_NOT_FOUND;
    case PLUGIN_BROKEN:
        return tell_broken(*value);
    default:
        return TABLE_ERROR;
    }
}

/* What no such table has: its servers speak UTF-8, and their libraries take texts that end at a NUL. */
static bool is_impossible(const struct table *t, struct str key)
{
    if (key.len == 0)
        log_warning("table \"%s\": empty query string -- ignored", t->spec);
    return key.len == 0 || str_has(key, '\0') || !utf8_is_valid(key);
}

static enum table_result lookup_here(struct table *t, struct str key, struct str *value)
{
    struct plugged *p = t->data;

    if (is_impossible(t, key))
        return TABLE_NOT_FOUND;
    switch (key_domain_is_listed(p->domain, key)) {
    case MATCH_NO:
        return TABLE_NOT_FOUND;
    case MATCH_ERROR:
        return TABLE_ERROR;
    case MATCH_YES:
        break;
    }
    buf_clear(&t->scratch);
    return finish(t, p->plugin->lookup(p->table, key, &t->scratch), value);
}

static enum table_result lookup_elsewhere(struct table *t, struct str key, struct str *value)
{
    const struct plugged *p = t->data;

    if (is_impossible(t, key))
        return TABLE_NOT_FOUND;
    enum table_result result = tablemgr_lookup(p->entry, key, &t->scratch);
    *value = buf_str(&t->scratch);
    return result;
}

static enum table_result lookup_in_file(struct table *t, struct str key, struct str *value)
{
    struct plugged *p = t->data;

    buf_clear(&t->scratch);
    return finish(t, p->plugin->lookup(p->table, key, &t->scratch), value);
}

static enum table_result next_in_file(struct table *t, struct buf *position, struct str *key,
                                      struct str *value)
{
    struct plugged *p = t->data;

    buf_clear(&t->scratch);
    buf_clear(&p->key);
    enum plugin_result result = p->plugin->next(p->table, position, &p->key, &t->scratch);
    *key = buf_str(&p->key);
    return finish(t, result, value);
}

/* ---- opening ---- */

static struct str text_of(void *s, const char *name, const char *standard)
{
    return table_settings_text(s, name, standard);
}

static int number_of(void *s, const char *name, int standard, int least)
{
    return table_settings_number(s, name, standard, least);
}

static bool boolean_of(void *s, const char *name, bool standard)
{
    return table_settings_boolean(s, name, standard);
}

static bool has(void *s, const char *name) { return table_settings_has(s, name); }
static struct str required(void *s, const char *name) { return table_settings_required(s, name); }

static bool open_here(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = lookup_here, .close = plugged_close };
    struct plugged *p = t->data;
    struct table_settings settings;

    t->ops = &ops;
    if (!table_settings_open(&settings, t, error))
        return false;
    const struct plugin_settings all = { .type = type_of(t),
                                         .name = t->name,
                                         .context = &settings,
                                         .text = text_of,
                                         .number = number_of,
                                         .boolean = boolean_of,
                                         .is_set = has,
                                         .required = required };
    struct str domain = table_settings_text(&settings, "domain", "");
    if (domain.len)
        p->domain = match_list_open(domain, "domain", 0);
    p->table = p->plugin->open(&all, error);
    table_settings_free(&settings);
    return p->table != NULL;
}

static bool open_elsewhere(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = lookup_elsewhere, .close = plugged_close };
    struct plugged *p = t->data;
    BUF_AUTO(text, 0);

    t->ops = &ops;
    if (!plugin_is_there(type_of(t), error) ||
        (table_settings_are_file(t->name) && !table_read_file(t, t->name, &text, error)))
        return false;
    p->entry = tablemgr_add(str_from(t->spec), buf_str(&text), error);
    return p->entry >= 0;
}

/* Whoever has just changed the source may be about to build the index. */
static void warn_of_old_index(const struct table *t, const char *path, int fd)
{
    enum { GRACE_S = 100 };
    struct stat index, source;

    if (fstat(fd, &index) == 0 && stat(t->name.ptr, &source) == 0 &&
        source.st_mtime > index.st_mtime && source.st_mtime < time(NULL) - GRACE_S)
        log_warning("database %s is older than source file %s", path, t->name.ptr);
}

static bool open_file(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = lookup_in_file,
                                          .next = next_in_file,
                                          .close = plugged_close };
    struct plugged *p = t->data;
    BUF_AUTO(path, 0);

    t->ops = &ops;
    buf_join(&path, t->name, str_from(p->plugin->suffix));
    int fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        buf_join(error, STR("open database "), buf_str(&path), STR(": "),
                 str_from(strerror(errno)));
        return false;
    }
    table_watch_start(t, fd, true, false);
    warn_of_old_index(t, buf_cstr(&path), fd);
    return (p->table = p->plugin->open_file(fd, error)) != NULL;
}

static bool open_parts(struct table *t, struct buf *error)
{
    struct plugged *p = t->data;
    const struct dynamicmap *map = dynamicmaps_find(type_of(t));

    if (tablemgr_is_used() && !map->can_be_built)
        return open_elsewhere(t, error);
    p->plugin = plugin_load(type_of(t), error);
    if (p->plugin == NULL)
        return false;
    return p->plugin->open_file ? open_file(t, error) : open_here(t, error);
}

bool table_open_plugged(struct table *t, struct buf *error)
{
    t->data = mem_alloc(sizeof(struct plugged));
    if (open_parts(t, error))
        return true;
    plugged_close(t);
    t->ops = NULL;
    return false;
}
