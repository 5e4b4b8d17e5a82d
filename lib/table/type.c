#include "table/type.h"

#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "os/watch.h"
#include "table/driver.h"
#include "table/index_file.h"
#include "table/plugged.h"
#include "table/plugin.h"

#include <stdlib.h>

/* What CMake found in this folder, one BUILTIN(name) a line. */
#define BUILTIN(type) extern const struct table_type table_type_##type;
#include "table_types.inc"
#undef BUILTIN

static const struct table_type *const builtin[] = {
#define BUILTIN(type) &table_type_##type,
#include "table_types.inc"
#undef BUILTIN
};

static struct {
    const struct table_type **list;
    size_t count;
} registered;

void table_type_register(const struct table_type *type)
{
    registered.list =
        mem_resize(registered.list, (registered.count + 1) * sizeof(struct table_type *));
    registered.list[registered.count++] = type;
}

static const struct table_type *type_at(size_t i)
{
    return i < ARRAY_LEN(builtin) ? builtin[i] : registered.list[i - ARRAY_LEN(builtin)];
}

static size_t type_count(void) { return ARRAY_LEN(builtin) + registered.count; }

static const struct table_type *find_known(struct str name)
{
    for (size_t i = 0; i < type_count(); i++)
        if (str_equal(name, str_from(type_at(i)->name)))
            return type_at(i);
    return NULL;
}

/* A type that is built in needs no plug-in, whatever a file that somebody else has left says. */
static const struct table_type *register_plugin(const struct dynamicmap *map)
{
    struct table_type *type = mem_alloc(sizeof *type);
    BUF_AUTO(name, 0);

    buf_add(&name, map->type);
    *type = (struct table_type){ .name = mem_copy_cstr(buf_cstr(&name)),
                                 .open = table_open_plugged,
                                 .traits = TABLE_FIXED | (map->can_be_built ? TABLE_INDEXED
                                                                            : TABLE_ASKS_SERVER) };
    table_type_register(type);
    return type;
}

const struct table_type *table_type_find(struct str name)
{
    const struct table_type *known = find_known(name);
    const struct dynamicmap *map = known ? NULL : dynamicmaps_find(name);

    return map ? register_plugin(map) : known;
}

static void register_plugins(void)
{
    const struct dynamicmap *map;

    for (size_t i = 0; (map = dynamicmaps_at(i)); i++)
        (void)table_type_find(map->type);
}

bool table_type_exists(struct str type) { return table_type_find(type) != NULL; }

static bool has_trait(struct str type, unsigned trait)
{
    const struct table_type *found = table_type_find(type);

    return found && found->traits & trait;
}

bool table_type_is_indexed(struct str type) { return has_trait(type, TABLE_INDEXED); }
bool table_type_asks_server(struct str type) { return has_trait(type, TABLE_ASKS_SERVER); }

const struct table_plugin *table_type_plugin(struct str type, struct buf *error)
{
    const struct table_type *found = table_type_find(type);

    return found && found->open == table_open_plugged ? plugin_load(type, error) : NULL;
}

static int by_name(const void *a, const void *b)
{
    const struct table_type *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

void table_types(struct buf *out)
{
    register_plugins();
    size_t count = type_count();
    const struct table_type **all = mem_alloc(count * sizeof(struct table_type *));

    for (size_t i = 0; i < count; i++)
        all[i] = type_at(i);
    qsort(all, count, sizeof(struct table_type *), by_name);
    for (size_t i = 0; i < count; i++)
        buf_join(out, str_from(all[i]->name), STR("\n"));
    free(all);
}

/* Of a type without an index it is the name. */
static void add_file(struct str type, struct str name, struct buf *path)
{
    BUF_AUTO(error, 0);
    bool indexed = table_type_is_indexed(type);
    const struct table_plugin *plugin = indexed ? table_type_plugin(type, &error) : NULL;

    if (indexed && !plugin)
        table_index_file(type, name, path);
    else
        buf_join(path, name, plugin ? str_from(plugin->suffix) : STR_NONE);
}

void table_spec_watch(struct str spec, struct watch *w)
{
    struct str type, name;
    BUF_AUTO(path, 0);

    table_spec_split(spec, &type, &name);
    if (!str_starts(name, STR("/")))
        return;
    add_file(type, name, &path);
    watch_add(w, buf_str(&path));
}

void table_type_unknown(struct str type, struct buf *error)
{
    buf_join(error, STR("unsupported dictionary type: "), type);
    log_warning(STR_FMT ". Is the postfix-" STR_FMT " package installed?", STR_ARG(buf_str(error)),
                STR_ARG(type));
}

void table_spec_split(struct str spec, struct str *type, struct str *name)
{
    if (!str_has(spec, ':')) {
        *type = site_conf.default_database_type;
        *name = spec;
        return;
    }
    *name = spec;
    *type = str_cut(name, ':');
}
