/* unix:passwd.byname, unix:group.byname - the system's users and groups.
 *
 * A process that went into a jail (chroot) has no name services any more; the file was opened before, and speaks for
 * them as far as it can. */
#include "base/log.h"
#include "base/mem.h"
#include "os/fd.h"
#include "table/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
    const char *name, *file, *service; /* in nsswitch.conf */
    enum table_result (*find)(const char *name, char *room, size_t size, struct buf *line);
};

struct unix_table {
    const struct unix_database *db;
    int fd;           /* of the file, or -1 */
    bool files_alone; /* no directory server has a say */
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

/* ---- in a jail ---- */

static bool is_local_source(struct str word)
{
    return str_equal(word, STR("files")) || str_equal(word, STR("compat")) ||
           str_equal(word, STR("systemd")) || str_starts(word, STR("["));
}

/* Does nsswitch.conf ask files only? */
static bool only_files_count(const char *service)
{
    BUF_AUTO(text, 65536);
    int fd = open("/etc/nsswitch.conf", O_RDONLY | O_CLOEXEC);
    bool read = fd >= 0 && fd_read_all(fd, &text);
    struct str rest = buf_str(&text), word;

    fd_close(&fd);
    while (read && rest.len) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (!str_skip_prefix(&line, str_from(service)) || !str_skip_prefix(&line, STR(":")))
            continue;
        while (str_token(&line, " \t", &word))
            if (!is_local_source(word))
                return false;
    }
    return true;
}

/* The line `name:...` of the file that was opened outside of the jail.  Clones of one template have the same open file: where one
 * reads is no other's business. */
static enum table_result find_line(int fd, struct str name, struct buf *line)
{
    BUF_AUTO(text, NSS_BUFFER_MAX);

    if (fd < 0 || !fd_pread_all(fd, &text))
        return TABLE_ERROR;
    for (struct str rest = buf_str(&text); rest.len;) {
        struct str one = str_cut(&rest, '\n'), after = one;
        if (!str_skip_prefix(&after, name) || !str_starts(after, STR(":")))
            continue;
        buf_add(line, one);
        return TABLE_FOUND;
    }
    return TABLE_NOT_FOUND;
}

/* What name services do not say any more, the file may still say; that it does not is believed while
 * it is the system's only and present one. */
static enum table_result jailed_lookup(const struct unix_table *u, struct str name,
                                       struct buf *line)
{
    struct stat st;

    buf_clear(line);
    enum table_result result = find_line(u->fd, name, line);
    if (result != TABLE_NOT_FOUND)
        return result;
    bool present = fstat(u->fd, &st) == 0 && st.st_nlink > 0;
    return present && u->files_alone ? TABLE_NOT_FOUND : TABLE_ERROR;
}

/* "No such user" bounces mail, and a process in a jail or a directory server that is down gives
 * the same answer as a name that does not exist: believe it only while root, whom every system
 * has, is found. */
static enum table_result unix_lookup(struct table *t, struct str key, struct str *value)
{
    const struct unix_table *u = t->data;
    BUF_AUTO(name, 0);

    buf_clear(&t->scratch);
    buf_add(&name, key);
    if (key.len == 0 || str_has(key, '\0'))
        return TABLE_NOT_FOUND;
    enum table_result result = find_with_room(u->db, buf_cstr(&name), &t->scratch);
    if (result == TABLE_NOT_FOUND && find_with_room(u->db, "root", &t->scratch) != TABLE_FOUND)
        result = jailed_lookup(u, key, &t->scratch);
    if (result == TABLE_ERROR)
        log_warning("table %s: the user database cannot be read", t->spec);
    *value = buf_str(&t->scratch);
    return result;
}

static void unix_close(struct table *t) { free(t->data); /* the descriptor is the watch's */ }

static void open_database(struct table *t, const struct unix_database *db)
{
    struct unix_table *u = mem_alloc(sizeof *u);

    u->db = db;
    u->files_alone = only_files_count(db->service);
    u->fd = open(db->file, O_RDONLY | O_CLOEXEC);
    if (u->fd >= 0)
        table_watch_start(t, u->fd, true, false);
    t->data = u;
}

static bool open_unix(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = unix_lookup, .close = unix_close };
    static const struct unix_database databases[] = {
        { "passwd.byname", "/etc/passwd", "passwd", find_passwd },
        { "group.byname", "/etc/group", "group", find_group },
    };

    for (size_t i = 0; i < ARRAY_LEN(databases); i++) {
        if (str_equal(t->name, str_from(databases[i].name))) {
            open_database(t, &databases[i]);
            t->ops = &ops;
            return true;
        }
    }
    buf_join(error, STR("unknown table: "), str_from(t->spec));
    return false;
}

TABLE_TYPE(unix, .open = open_unix, .traits = TABLE_FIXED);
