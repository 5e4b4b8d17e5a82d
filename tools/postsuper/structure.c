#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "os/fd.h"
#include "tools/postsuper/super.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define STALE_S   (7L * 24 * 3600)
#define SUFFIX    "#FIX" /* a renamed file, until all of them have been renamed */
#define DEPTH_MAX 16

static const struct queue {
    const char *name;
    bool messages; /* names say the inode */
    mode_t mode;
} queues[] = {
    /* logs first: they must be at their place when a message takes its log along to a new name */
    { QUEUE_BOUNCE, false, 0700 },  { QUEUE_DEFER, false, 0700 },   { QUEUE_TRACE, false, 0700 },
    { QUEUE_FLUSH, false, 0700 },   { QUEUE_MAILDROP, true, 0730 }, { QUEUE_INCOMING, true, 0700 },
    { QUEUE_ACTIVE, true, 0700 },   { QUEUE_DEFERRED, true, 0700 }, { QUEUE_HOLD, true, 0700 },
    { QUEUE_CORRUPT, false, 0700 },
};

static const char *const log_queues[] = { QUEUE_DEFER, QUEUE_BOUNCE, QUEUE_TRACE };

/* ---- all names below one queue, before anything is renamed ---- */

struct names {
    struct arena memory;
    char **paths;
    size_t count, room;
};

static void add_name(struct names *n, struct str path)
{
    if (n->count == n->room) {
        n->room = n->room ? 2 * n->room : 256;
        n->paths = mem_resize(n->paths, n->room * sizeof *n->paths);
    }
    n->paths[n->count++] = arena_cstr(&n->memory, path);
}

static bool is_directory(const char *path, unsigned char type)
{
    struct stat st;

    if (type != DT_UNKNOWN)
        return type == DT_DIR;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

struct level {
    DIR *dir;
    size_t path_len;
};

/* Directories are a stack, as deep as hash levels can be. */
static void collect_names(const char *queue, struct names *n)
{
    struct level levels[DEPTH_MAX + 1];
    int depth = 0;
    BUF_AUTO(path, 0);

    buf_add_cstr(&path, queue);
    levels[0] = (struct level){ opendir(queue), path.len };
    if (levels[0].dir == NULL)
        log_fatal("open directory %s: %s", queue, strerror(errno));
    while (depth >= 0) {
        struct dirent *entry = readdir(levels[depth].dir);
        buf_truncate(&path, levels[depth].path_len);
        if (entry == NULL) {
            closedir(levels[depth--].dir);
            continue;
        }
        if (entry->d_name[0] == '.')
            continue;
        buf_join(&path, STR("/"), str_from(entry->d_name));
        if (!is_directory(buf_cstr(&path), entry->d_type)) {
            add_name(n, buf_str(&path));
            continue;
        }
        DIR *below = depth < DEPTH_MAX ? opendir(buf_cstr(&path)) : NULL;
        if (below)
            levels[++depth] = (struct level){ below, path.len };
    }
}

static void names_free(struct names *n)
{
    free(n->paths);
    arena_free(&n->memory);
}

static struct str base_name(const char *path)
{
    struct str all = str_from(path);

    return str_skip(all, str_rfind(all, '/') + 1);
}

/* ---- renaming ---- */

static bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* Never over another file. */
static bool rename_file(struct super *s, const char *from, struct buf *to)
{
    if (exists(buf_cstr(to))) {
        log_warning("rename file %s as %s: %s", from, buf_cstr(to), strerror(EEXIST));
        s->failed = true;
        return false;
    }
    if (rename(from, buf_cstr(to)) == 0 ||
        (errno == ENOENT && queue_make_parents(buf_cstr(to)) && rename(from, buf_cstr(to)) == 0)) {
        log_debug("rename file %s as %s", from, buf_cstr(to));
        return true;
    }
    log_warning("rename file %s as %s: %s", from, buf_cstr(to), strerror(errno));
    s->failed = true;
    return false;
}

/* A long name keeps its form only where long names are made; a short one is the microseconds and
 * the inode. */
static void id_for_inode(const struct super *s, const struct queue_id *old, uint64_t inode,
                         struct queue_id *new)
{
    struct queue_id part;
    struct str head = queue_id_str(old), tail;

    if (s->long_ids && queue_id_is_long(old)) {
        queue_id_make((struct timeval){ 0 }, inode, true, &part);
        tail = str_skip(queue_id_str(&part), str_rfind(queue_id_str(&part), 'z') + 1);
        head = str_sub(head, 0, str_rfind(head, 'z') + 1);
        (void)snprintf(new->text, sizeof new->text, STR_FMT STR_FMT, STR_ARG(head), STR_ARG(tail));
    } else {
        queue_id_hash_key(old, &part);
        (void)snprintf(new->text, sizeof new->text, "%.5s%" PRIX64, part.text, inode);
    }
}

/* Logs carry the name of their message. */
static void rename_logs(struct super *s, const struct queue_id *old, const struct queue_id *new)
{
    BUF_AUTO(from, 0);
    BUF_AUTO(to, 0);

    for (size_t i = 0; i < ARRAY_LEN(log_queues); i++) {
        queue_path(&s->layout, log_queues[i], old, &from);
        if (!exists(buf_cstr(&from)))
            continue;
        queue_path(&s->layout, log_queues[i], new, &to);
        buf_add_cstr(&to, SUFFIX);
        (void)rename_file(s, buf_cstr(&from), &to);
    }
}

/* Two files may want each other's names, so the new ones get a suffix first. */
static void rename_for_inode(struct super *s, const char *queue, const char *path,
                             const struct queue_id *old, uint64_t inode)
{
    struct queue_id new;
    BUF_AUTO(to, 0);

    id_for_inode(s, old, inode, &new);
    queue_path(&s->layout, queue, &new, &to);
    buf_add_cstr(&to, SUFFIX);
    if (!rename_file(s, path, &to))
        return;
    s->renamed++;
    rename_logs(s, old, &new);
}

/* ---- one file ---- */

static bool must_match_inode(const struct super *s, const struct structure_work *work,
                             const struct queue_id *id)
{
    return work->strict || !s->long_ids || !queue_id_is_long(id);
}

static void check_file(struct super *s, const struct structure_work *work,
                       const struct queue *queue, const char *path, const struct queue_id *id)
{
    struct stat st;
    uint64_t inode;
    BUF_AUTO(place, 0);

    if (lstat(path, &st) != 0)
        return; /* moved on meanwhile */
    if (!S_ISREG(st.st_mode)) {
        log_warning("%s: not a regular file", path);
        return;
    }
    if (queue->messages && must_match_inode(s, work, id) &&
        (!queue_id_inode(id, &inode) || inode != st.st_ino)) {
        rename_for_inode(s, queue->name, path, id, st.st_ino);
        return;
    }
    queue_path(&s->layout, queue->name, id, &place);
    if (!str_equal(buf_str(&place), str_from(path)))
        (void)rename_file(s, path, &place);
}

static bool is_stale(const struct stat *st) { return st->st_mtime + STALE_S < time(NULL); }

static void remove_file(const char *path)
{
    if (unlink(path) != 0 && errno != ENOENT)
        log_warning("remove file %s: %s", path, strerror(errno));
}

/* Left by a program that was interrupted while it made a file. */
static void judge_odd_name(const struct structure_work *work, const char *path)
{
    struct stat st;

    if (work->purge && lstat(path, &st) == 0 && S_ISREG(st.st_mode) && is_stale(&st))
        remove_file(path);
    else
        log_warning("bogus file name: %s", path);
}

/* The same with a message that got its name and never became complete: nobody was told that we
 * have it. */
static bool purge_unfinished(const char *path)
{
    struct stat st;

    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_mode & S_IXUSR || !is_stale(&st))
        return false;
    remove_file(path);
    return true;
}

static void finish_rename(struct super *s, const struct queue *queue, const char *path,
                          struct str name)
{
    struct queue_id id;
    BUF_AUTO(place, 0);

    if (!str_ends(name, STR(SUFFIX)) ||
        !queue_id_parse(str_sub(name, 0, name.len - strlen(SUFFIX)), &id))
        return;
    queue_path(&s->layout, queue->name, &id, &place);
    (void)rename_file(s, path, &place);
}

/* Requeued messages leave their logs behind. */
static void purge_orphan(const struct super *s, const char *path, const struct queue_id *id)
{
    struct stat st;

    if (lstat(path, &st) != 0 || !is_stale(&st))
        return;
    for (size_t i = 0; i < ARRAY_LEN(queues); i++)
        if (queues[i].messages && queue_stat(&s->layout, queues[i].name, id, &st))
            return;
    remove_file(path);
}

static bool is_log_queue(const char *queue)
{
    for (size_t i = 0; i < ARRAY_LEN(log_queues); i++)
        if (strcmp(queue, log_queues[i]) == 0)
            return true;
    return false;
}

static void visit(struct super *s, const struct structure_work *work, const struct queue *queue,
                  const char *path)
{
    struct str name = base_name(path);
    struct queue_id id;

    if (queue_id_parse(name, &id)) {
        if (work->purge && is_log_queue(queue->name))
            purge_orphan(s, path, &id);
        if (work->purge && queue->messages && purge_unfinished(path))
            return;
        if (work->check)
            check_file(s, work, queue, path, &id);
    } else if (!str_ends(name, STR(SUFFIX))) {
        judge_odd_name(work, path);
    }
}

/* ---- the queues ---- */

static bool is_wanted(const struct structure_work *work, const char *queue)
{
    if (work->queues == NULL)
        return strcmp(queue, QUEUE_CORRUPT) != 0;
    for (const char *const *q = work->queues; *q; q++)
        if (strcmp(*q, queue) == 0)
            return true;
    return false;
}

static void visit_queue(struct super *s, const struct structure_work *work,
                        const struct queue *queue)
{
    struct names n = { .count = 0 };

    collect_names(queue->name, &n);
    for (size_t i = 0; i < n.count; i++)
        visit(s, work, queue, n.paths[i]);
    names_free(&n);
}

static void finish_queue(struct super *s, const struct queue *queue)
{
    struct names n = { .count = 0 };

    collect_names(queue->name, &n);
    for (size_t i = 0; i < n.count; i++)
        finish_rename(s, queue, n.paths[i], base_name(n.paths[i]));
    names_free(&n);
}

void structure_work(struct super *s, const struct structure_work *work)
{
    for (size_t i = 0; i < ARRAY_LEN(queues); i++)
        if (is_wanted(work, queues[i].name))
            visit_queue(s, work, &queues[i]);
    for (size_t i = 0; i < ARRAY_LEN(queues) && work->check; i++)
        if (strcmp(queues[i].name, QUEUE_CORRUPT) != 0)
            finish_queue(s, &queues[i]);
}

/* By descriptor: that of the directory which we made, whoever may rename things here. */
static void give_away(const struct queue *queue, uid_t uid, gid_t gid)
{
    FD_AUTO(fd, open(queue->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));

    if (fd < 0 || fchown(fd, uid, gid) != 0 || fchmod(fd, queue->mode) != 0)
        log_warning("make directory %s: %s", queue->name, strerror(errno));
}

void structure_make_directories(const char *owner, const char *group)
{
    const struct passwd *pw = getpwnam(owner);
    uid_t uid = pw ? pw->pw_uid : 0;
    gid_t own_gid = pw ? pw->pw_gid : 0;
    const struct group *gr = getgrnam(group);
    gid_t gid = gr ? gr->gr_gid : own_gid;

    for (size_t i = 0; i < ARRAY_LEN(queues); i++)
        if (mkdir(queues[i].name, 0700) == 0) /* nearly always it is there */
            give_away(&queues[i], uid, queues[i].mode == 0700 ? own_gid : gid);
}
