/* Types of a few lines each: static, fail, environ, unix. */
#include "base/log.h"
#include "table/internal.h"
#include "table/source.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

/* static:value - every key has this value. */

static enum table_result static_lookup(struct table *t, struct str key UNUSED, struct str *value)
{
    *value = buf_str(&t->scratch);
    return TABLE_FOUND;
}

bool table_open_static(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = static_lookup };
    struct str value = t->name;

    if (value.ptr[0] == '{') {
        BUF_AUTO(why, 0);
        if (!table_unbrace(t->name, &value, &why)) {
            buf_join(error, STR("bad static:name syntax: "), buf_str(&why));
            return false;
        }
    }
    if (!(t->flags & TABLE_VALUES_ARE_FILES))
        buf_add(&t->scratch, value);
    else if (!source_encode_files(value, &t->scratch, error))
        return false;
    t->ops = &ops;
    return true;
}

/* fail:reason - every lookup fails. */

static enum table_result fail_lookup(struct table *t UNUSED, struct str key UNUSED,
                                     struct str *value UNUSED)
{
    errno = 0;
    return TABLE_ERROR;
}

bool table_open_fail(struct table *t, struct buf *error UNUSED)
{
    static const struct table_ops ops = { .lookup = fail_lookup };

    t->ops = &ops;
    return true;
}

/* environ:anything - the environment of this process. */

static enum table_result environ_lookup(struct table *t, struct str key, struct str *value)
{
    buf_clear(&t->scratch);
    buf_add(&t->scratch, key);
    const char *text = str_has(key, '\0') ? NULL : getenv(buf_cstr(&t->scratch));
    if (text == NULL)
        return TABLE_NOT_FOUND;
    *value = str_from(text);
    return TABLE_FOUND;
}

bool table_open_environ(struct table *t, struct buf *error UNUSED)
{
    static const struct table_ops ops = { .lookup = environ_lookup };

    t->ops = &ops;
    return true;
}

/* unix:passwd.byname, unix:group.byname - the system's users and groups. */

enum { NSS_BUFFER_MAX = 1 << 20 };

static enum table_result find_passwd(const char *name, char *room, size_t size, struct buf *line)
{
    struct passwd entry, *found = NULL;
    int result = getpwnam_r(name, &entry, room, size, &found);

    if (found)
        buf_addf(line, "%s:%s:%u:%u:%s:%s:%s", entry.pw_name, entry.pw_passwd, entry.pw_uid,
                 entry.pw_gid, entry.pw_gecos, entry.pw_dir, entry.pw_shell);
    errno = result;
    return found ? TABLE_FOUND : result == ERANGE ? TABLE_ERROR : TABLE_NOT_FOUND;
}

static enum table_result find_group(const char *name, char *room, size_t size, struct buf *line)
{
    struct group entry, *found = NULL;
    int result = getgrnam_r(name, &entry, room, size, &found);

    if (found) {
        buf_addf(line, "%s:%s:%u:", entry.gr_name, entry.gr_passwd, entry.gr_gid);
        for (char **member = entry.gr_mem; *member; member++)
            buf_join(line, member > entry.gr_mem ? STR(",") : STR(""), str_from(*member));
    }
    errno = result;
    return found ? TABLE_FOUND : result == ERANGE ? TABLE_ERROR : TABLE_NOT_FOUND;
}

struct unix_database {
    const char *name;
    enum table_result (*find)(const char *name, char *room, size_t size, struct buf *line);
};

static enum table_result find_with_room(const struct unix_database *db, const char *name,
                                        struct buf *line)
{
    BUF_AUTO(room, NSS_BUFFER_MAX);
    enum table_result result = TABLE_ERROR;

    for (size_t size = 4096; size <= NSS_BUFFER_MAX; size *= 2) {
        result = db->find(name, buf_reserve(&room, size), size, line);
        if (result != TABLE_ERROR)
            break;
    }
    return result;
}

/* "No such user" bounces mail, and a process in a jail or a directory server that is down gives
 * the same answer as a name that does not exist: believe it only while root, whom every system
 * has, is found. */
static enum table_result unix_lookup(struct table *t, struct str key, struct str *value)
{
    const struct unix_database *db = t->data;
    BUF_AUTO(name, 0);

    buf_clear(&t->scratch);
    buf_add(&name, key);
    if (key.len == 0 || str_has(key, '\0'))
        return TABLE_NOT_FOUND;
    enum table_result result = find_with_room(db, buf_cstr(&name), &t->scratch);
    if (result == TABLE_NOT_FOUND && find_with_room(db, "root", &t->scratch) != TABLE_FOUND)
        result = TABLE_ERROR;
    if (result == TABLE_ERROR)
        log_warning("table %s: the user database cannot be read", t->spec);
    *value = buf_str(&t->scratch);
    return result;
}

bool table_open_unix(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = unix_lookup };
    static struct unix_database databases[] = { { "passwd.byname", find_passwd },
                                                { "group.byname", find_group } };

    for (size_t i = 0; i < ARRAY_LEN(databases); i++) {
        if (str_equal(t->name, str_from(databases[i].name))) {
            t->data = &databases[i];
            t->ops = &ops;
            return true;
        }
    }
    buf_join(error, STR("unknown table: "), str_from(t->spec));
    return false;
}
