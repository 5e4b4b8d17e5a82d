#include "table/plugin.h"

#include "base/arena.h"
#include "os/fd.h"
#include "table/dynamicmaps.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>

struct loaded {
    struct loaded *next;
    const struct dynamicmap *map;
    const struct table_plugin *plugin;
};

/* Of this process; a plug-in is never unloaded. */
static struct {
    struct arena arena;
    struct loaded *first;
} loaded;

static const struct table_plugin *find(const struct dynamicmap *map)
{
    for (const struct loaded *l = loaded.first; l; l = l->next)
        if (l->map == map)
            return l->plugin;
    return NULL;
}

static const struct table_plugin *keep(const struct dynamicmap *map,
                                       const struct table_plugin *plugin)
{
    struct loaded *l = arena_alloc(&loaded.arena, sizeof *l);

    *l = (struct loaded){ loaded.first, map, plugin };
    loaded.first = l;
    return plugin;
}

/* Lines of the plug-in go the way that ours go, whatever that is by then. */
static void forward(enum log_level level, struct str text)
{
    log_sink_fn *sink = log_sink();

    if (sink)
        sink(level, text);
}

/* The log has the details, and the caller's message is short. */
static bool refuse(struct str type, const char *path, const char *why, struct buf *error)
{
    buf_join(error, STR("unsupported dictionary type: "), type);
    log_warning(STR_FMT " (%s: %s)", STR_ARG(buf_str(error)), path, why);
    return false;
}

static bool check(const struct dynamicmap *map, struct buf *error)
{
    int fd = open(map->path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return refuse(map->type, map->path, strerror(errno), error);
    bool trusted = dynamicmaps_is_trusted(fd);
    fd_close(&fd);
    return trusted ||
           refuse(map->type, map->path, "file is owned or writable by other users", error);
}

static const struct table_plugin *load(const struct dynamicmap *map, struct buf *error)
{
    if (!check(map, error))
        return NULL;
    void *handle = dlopen(map->path, RTLD_NOW | RTLD_LOCAL);
    const struct table_plugin *plugin = handle ? dlsym(handle, TABLE_PLUGIN_SYMBOL) : NULL;
    if (plugin == NULL) {
        (void)refuse(map->type, map->path, dlerror(), error);
        return NULL;
    }
    if (plugin->version != TABLE_PLUGIN_VERSION) {
        (void)refuse(map->type, map->path, "belongs to another build of the mail system", error);
        return NULL;
    }
    plugin->set_log(forward, log_verbose());
    return keep(map, plugin);
}

static bool find_row(struct str type, const struct dynamicmap **map, struct buf *error)
{
    *map = dynamicmaps_find(type);
    if (*map == NULL)
        buf_join(error, STR("unsupported dictionary type: "), type);
    return *map != NULL;
}

const struct table_plugin *plugin_load(struct str type, struct buf *error)
{
    const struct dynamicmap *map;

    if (!find_row(type, &map, error))
        return NULL;
    const struct table_plugin *plugin = find(map);
    return plugin ? plugin : load(map, error);
}

bool plugin_is_there(struct str type, struct buf *error)
{
    const struct dynamicmap *map;

    return find_row(type, &map, error) && (find(map) || check(map, error));
}
