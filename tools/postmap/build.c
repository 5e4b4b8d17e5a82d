#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "os/fd.h"
#include "table/index_file.h"
#include "table/map_writer.h"
#include "table/type.h"
#include "text/casefold.h"
#include "tools/postmap/as_owner.h"
#include "tools/postmap/db_name.h"
#include "tools/postmap/tabletool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { READ_CHUNK = 1 << 20 };

struct build {
    const struct table_tool *tool;
    struct str type, name;             /* `name` is followed by a NUL */
    char *path;                        /* of the index */
    const char *shown;                 /* the table's name in a warning about duplicates */
    const struct table_plugin *plugin; /* NULL: the index is an LMDB file */
    struct map_writer *writer;
    struct draft_owner owner;
    struct buf folded;
    int source;
    size_t deleted;
};

/* ---- where it goes ---- */

static bool changes(const struct table_tool *tool) { return tool->incremental || tool->delete_key; }

static void check_type(const struct build *b)
{
    BUF_AUTO(error, 0);

    if (table_type_is_indexed(b->type) && !(b->plugin && changes(b->tool)))
        return;
    if (!table_type_exists(b->type))
        table_type_unknown(b->type, &error);
    else if (table_type_is_indexed(b->type))
        buf_join(&error, b->type, STR(":"), b->name, STR(": unsupported non-bulk change request"));
    else if (changes(b->tool))
        buf_join(&error, b->type, STR(":"), b->name, STR(" map requires O_RDONLY access mode"));
    else
        buf_join(&error, STR("unsupported dictionary type: "), b->type,
                 STR(" does not support bulk-mode creation."));
    log_fatal(STR_FMT, STR_ARG(buf_str(&error)));
}

/* What is changed is the index that is read.  A link is followed within its directory. */
static void find_index(const struct build *b, struct buf *path)
{
    char target[NAME_MAX + 1];
    BUF_AUTO(found, 0);

    table_index_file(b->type, b->name, &found);
    if (!str_ends(buf_str(&found), STR(TABLE_TRADITIONAL_SUFFIX)))
        return;
    ssize_t n = readlink(buf_cstr(&found), target, sizeof target);
    if (n > 0 && memchr(target, '/', (size_t)n))
        return;
    size_t slash = str_rfind(b->name, '/');
    buf_clear(path);
    if (n <= 0)
        buf_add(path, buf_str(&found));
    else
        buf_join(path, str_sub(b->name, 0, slash == STR_NOT_FOUND ? 0 : slash + 1),
                 (struct str){ target, (size_t)n });
}

/* Of an index that a plug-in makes the log shows the name without its suffix; else `x.db` is that of the traditional types, and
 * `lmdb:x` that of this one. */
static void name_index(struct build *b)
{
    BUF_AUTO(path, 0);
    BUF_AUTO(shown, 0);

    buf_join(&path, b->name, b->plugin ? str_from(b->plugin->suffix) : STR(TABLE_INDEX_SUFFIX));
    if (b->plugin)
        buf_add(&shown, b->name);
    else if (str_equal(b->type, STR("lmdb")))
        buf_join(&shown, STR("lmdb:"), b->name);
    else
        buf_add(&shown, buf_str(&path));
    if (!b->plugin && changes(b->tool))
        find_index(b, &path);
    b->path = mem_copy_cstr(buf_cstr(&path));
    b->shown = mem_copy_cstr(buf_cstr(&shown));
}

static void begin(struct build *b, const struct table_tool *tool, struct str spec)
{
    BUF_AUTO(error, 0);

    *b = (struct build){ .tool = tool, .owner = { .mode = 0644 }, .source = -1 };
    table_spec_split(spec, &b->type, &b->name);
    if (b->type.len == 0 || b->name.len == 0)
        log_fatal("open dictionary: expecting \"type:name\" form instead of \"" STR_FMT "\"",
                  STR_ARG(spec));
    if (table_type_is_indexed(b->type))
        b->plugin = table_type_plugin(b->type, &error);
    if (error.len)
        log_fatal(STR_FMT, STR_ARG(buf_str(&error)));
    name_index(b);
}

static void end(struct build *b)
{
    map_writer_free(b->writer);
    fd_close(&b->source);
    free(mem_unconst(b->shown));
    free(b->path);
    buf_free(&b->folded);
}

/* ---- what goes in ---- */

static struct str fold(struct build *b, struct str key)
{
    if (b->tool->no_fold)
        return key;
    buf_clear(&b->folded);
    if (site_conf.smtputf8_enable)
        casefold_utf8(key, &b->folded);
    else
        buf_add_lower(&b->folded, key);
    return buf_str(&b->folded);
}

static void report_duplicate(void *context, struct str key)
{
    const struct build *b = context;

    log_warning("%s: duplicate entry: \"" STR_FMT "\"", b->shown, STR_ARG(key));
}

static void add_source(struct build *b, const char *name, struct str text)
{
    const struct source_options options = { .name = name,
                                            .utf8 = site_conf.smtputf8_enable,
                                            .files = b->tool->files };
    bool (*next)(struct source *, struct source_entry *) =
        b->tool->aliases ? source_next_alias : source_next;
    struct source source;
    struct source_entry e;

    source_init(&source, &options, text);
    while (next(&source, &e))
        if (!map_writer_add(b->writer, fold(b, e.key), e.value))
            log_warning(
                "%s, line %u: the key has more than 510 bytes, which no lmdb table can hold "
                "-- ignoring this line",
                name, e.line);
    source_fini(&source);
}

static void add(struct build *b, struct str key, struct str value)
{
    if (!map_writer_add(b->writer, key, value))
        log_warning("%s: no room for \"" STR_FMT "\"", b->path, STR_ARG(key));
}

/* Other readers of alias databases look for these. */
static void add_alias_marks(struct build *b)
{
    BUF_AUTO(now, 0);

    buf_add_int(&now, time(NULL));
    add(b, STR("@"), STR("@"));
    add(b, STR("YP_LAST_MODIFIED"), buf_str(&now));
    add(b, STR("YP_MASTER_NAME"), site_conf.myhostname);
}

static struct map_writer *new_writer(const struct build *b)
{
    /* Other readers of such files expect it so. */
    bool nuls = b->plugin ? b->tool->nuls : !b->tool->no_nuls;
    struct map_writer *w = map_writer_new(b->path, (nuls ? MAP_WRITER_NULS : 0) |
                                                       (b->tool->replace ? MAP_WRITER_REPLACE : 0));

    if (b->plugin)
        map_writer_use(w, b->plugin->maker);
    return w;
}

static void publish(struct build *b)
{
    BUF_AUTO(error, 0);

    if (!map_writer_publish(b->writer, &b->owner,
                            b->tool->quiet_duplicates ? NULL : report_duplicate, b, &error))
        log_fatal(STR_FMT, STR_ARG(buf_str(&error)));
    if (!b->plugin && !str_equal(b->type, STR("lmdb")) &&
        str_ends(str_from(b->path), STR(TABLE_INDEX_SUFFIX)))
        db_name_keep(b->path);
}

static void resume(struct build *b)
{
    BUF_AUTO(error, 0);

    b->writer = new_writer(b);
    if (!map_writer_resume(b->writer, &b->owner, &error))
        log_fatal(STR_FMT, STR_ARG(buf_str(&error)));
}

static void read_all(int fd, const char *name, struct buf *text)
{
    if (!fd_read_all(fd, text))
        log_fatal("read %s: %s", name, strerror(errno));
}

/* ---- the two ways to build ---- */

/* An index is as readable as its source. */
static void take_rights(struct build *b, const struct stat *source)
{
    b->owner = (struct draft_owner){
        .set = geteuid() == 0 && !b->tool->keep_root,
        .uid = source->st_uid,
        .gid = source->st_gid,
        .mode = b->tool->default_permissions ? 0644 : source->st_mode & 0644,
    };
}

static bool build_from_source(void *context)
{
    struct build *b = context;
    struct stat st;
    BUF_AUTO(text, 0);
    BUF_AUTO(name, 0);

    buf_add(&name, b->name);
    if (fstat(b->source, &st) != 0)
        log_fatal("fstat %s: %s", buf_cstr(&name), strerror(errno));
    take_rights(b, &st);
    b->writer = new_writer(b);
    (void)buf_reserve(&text, (size_t)st.st_size + READ_CHUNK);
    read_all(b->source, buf_cstr(&name), &text);
    add_source(b, buf_cstr(&name), buf_str(&text));
    if (b->tool->aliases)
        add_alias_marks(b);
    publish(b);
    return true;
}

static void build_from_file(struct build *b)
{
    BUF_AUTO(name, 0);
    struct stat st;

    buf_add(&name, b->name);
    b->source = open(buf_cstr(&name), O_RDONLY | O_CLOEXEC);
    if (b->source < 0 || fstat(b->source, &st) != 0)
        log_fatal("open %s: %s", buf_cstr(&name), strerror(errno));
    check_type(b);
    if (b->tool->keep_root)
        st.st_uid = 0;
    (void)as_owner(&st, buf_cstr(&name), build_from_source, b);
}

static bool add_from_stdin(void *context)
{
    struct build *b = context;
    BUF_AUTO(text, 0);

    read_all(STDIN_FILENO, "stdin", &text);
    resume(b);
    add_source(b, "stdin", buf_str(&text));
    publish(b);
    return true;
}

/* Changes to an index are made in the name of whoever owns it. */
static bool change_index(struct build *b, bool must_exist, bool (*work)(void *build))
{
    struct stat st = { .st_uid = 0 };

    check_type(b);
    if (stat(b->path, &st) != 0 && (must_exist || errno != ENOENT))
        log_fatal("open database %s: %s", b->path, strerror(errno));
    if (b->tool->keep_root)
        st.st_uid = 0;
    return as_owner(&st, b->path, work, b);
}

void table_tool_build(const struct table_tool *tool, struct str spec)
{
    struct build b;

    begin(&b, tool, spec);
    if (tool->incremental)
        (void)change_index(&b, false, add_from_stdin);
    else
        build_from_file(&b);
    end(&b);
}

static void delete_key(void *context, struct str key)
{
    struct build *b = context;

    if (map_writer_delete(b->writer, fold(b, key)))
        b->deleted++;
}

static bool delete_keys(void *context)
{
    struct build *b = context;
    struct str key = str_from(b->tool->delete_key);

    resume(b);
    if (str_equal(key, STR("-")))
        table_tool_each_line(delete_key, b);
    else
        delete_key(b, key);
    if (b->deleted > 0)
        publish(b);
    return b->deleted > 0;
}

bool table_tool_delete(const struct table_tool *tool, struct str spec)
{
    struct build b;

    begin(&b, tool, spec);
    bool deleted = change_index(&b, true, delete_keys);
    end(&b);
    return deleted;
}
