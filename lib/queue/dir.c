#include "queue/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define DEPTH_MAX 16

static int layout_depth(const struct queue_layout *layout, const char *queue)
{
    if (!str_has_word(layout->hashed_names, str_from(queue)))
        return 0;
    return layout->depth > DEPTH_MAX ? DEPTH_MAX : layout->depth;
}

static void path_at_depth(const char *queue, const struct queue_id *id, int depth, struct buf *out)
{
    struct queue_id key;

    buf_clear(out);
    buf_add_cstr(out, queue);
    buf_addc(out, '/');
    if (depth)
        queue_id_hash_key(id, &key);
    for (int level = 0; level < depth; level++) {
        buf_addc(out, (char)((size_t)level < strlen(key.text) ? key.text[level] : '_'));
        buf_addc(out, '/');
    }
    buf_add(out, queue_id_str(id));
}

void queue_path(const struct queue_layout *layout, const char *queue, const struct queue_id *id,
                struct buf *out)
{
    path_at_depth(queue, id, layout_depth(layout, queue), out);
}

/* The file may lie, or has to lie, at another depth: it is not where the layout says; something that is no directory of
 * ours (junk with a name of one letter) stands in the way there; there is no room for a new directory. */
static bool is_off_the_path(int error)
{
    static const int errors[] = { ENOENT, ENOTDIR, EACCES, ELOOP, ENOSPC, EDQUOT };

    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (error == errors[i])
            return true;
    return false;
}

static bool parent_exists(struct buf *path)
{
    struct str whole = buf_str(path);
    struct str parent = str_sub(whole, 0, str_rfind(whole, '/'));
    BUF_AUTO(text, 0);

    buf_add(&text, parent);
    return faccessat(AT_FDCWD, buf_cstr(&text), F_OK, 0) == 0;
}

/* Where the file is, if it is not where the layout puts it.  Looks no deeper than directories
 * exist: nearly always there is none below the layout's, and most messages have no log. */
static bool find_elsewhere(const struct queue_layout *layout, const char *queue,
                           const struct queue_id *id, struct buf *path)
{
    int expected = layout_depth(layout, queue);
    struct stat st;

    for (int depth = 0; depth <= DEPTH_MAX; depth++) {
        if (depth == expected)
            continue;
        path_at_depth(queue, id, depth, path);
        if (depth > 0 && !parent_exists(path))
            break;
        if (lstat(buf_cstr(path), &st) == 0)
            return true;
        if (errno != ENOENT)
            break;
    }
    errno = ENOENT;
    return false;
}

int queue_open(const struct queue_layout *layout, const char *queue, const struct queue_id *id,
               int flags)
{
    BUF_AUTO(path, 0);
    int fd;

    flags = (flags & ~O_CREAT) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    queue_path(layout, queue, id, &path);
    fd = open(buf_cstr(&path), flags);
    if (fd < 0 && is_off_the_path(errno) && find_elsewhere(layout, queue, id, &path))
        fd = open(buf_cstr(&path), flags);
    return fd;
}

bool queue_make_parents(const char *path)
{
    BUF_AUTO(text, 0);

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        buf_clear(&text);
        buf_add(&text, (struct str){ path, (size_t)(slash - path) });
        if (text.len && mkdir(buf_cstr(&text), 0700) != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

int queue_create(const struct queue_layout *layout, const char *queue, const struct queue_id *id,
                 int flags, mode_t mode)
{
    BUF_AUTO(path, 0);
    int fd;

    flags |= O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    queue_path(layout, queue, id, &path);
    fd = open(buf_cstr(&path), flags, mode);
    if (fd < 0 && errno == ENOENT && queue_make_parents(buf_cstr(&path)))
        fd = open(buf_cstr(&path), flags, mode);
    if (fd < 0 && is_off_the_path(errno)) {
        path_at_depth(queue, id, 0, &path);
        fd = open(buf_cstr(&path), flags, mode);
    }
    return fd;
}

/* rename(2) that makes the target's hash directories when they are missing. */
static bool rename_into(struct buf *from, struct buf *to)
{
    struct stat st;

    if (rename(buf_cstr(from), buf_cstr(to)) == 0)
        return true;
    if (errno != ENOENT || lstat(buf_cstr(from), &st) != 0)
        return false;
    return queue_make_parents(buf_cstr(to)) && rename(buf_cstr(from), buf_cstr(to)) == 0;
}

static bool rename_to_its_place(const struct queue_layout *layout, struct buf *from,
                                const char *queue, const struct queue_id *id)
{
    BUF_AUTO(to, 0);
    struct stat st;

    queue_path(layout, queue, id, &to);
    if (rename_into(from, &to))
        return true;
    int error = errno;
    if (!is_off_the_path(error) || lstat(buf_cstr(from), &st) != 0) {
        errno = error;
        return false;
    }
    path_at_depth(queue, id, 0, &to);
    return rename(buf_cstr(from), buf_cstr(&to)) == 0;
}

bool queue_rename(const struct queue_layout *layout, const char *from, const char *to,
                  const struct queue_id *id)
{
    BUF_AUTO(old, 0);

    queue_path(layout, from, id, &old);
    if (rename_to_its_place(layout, &old, to, id))
        return true;
    return is_off_the_path(errno) && find_elsewhere(layout, from, id, &old) &&
           rename_to_its_place(layout, &old, to, id);
}

bool queue_remove(const struct queue_layout *layout, const char *queue, const struct queue_id *id)
{
    BUF_AUTO(path, 0);

    queue_path(layout, queue, id, &path);
    if (unlink(buf_cstr(&path)) == 0)
        return true;
    return is_off_the_path(errno) && find_elsewhere(layout, queue, id, &path) &&
           unlink(buf_cstr(&path)) == 0;
}

bool queue_stat(const struct queue_layout *layout, const char *queue, const struct queue_id *id,
                struct stat *st)
{
    BUF_AUTO(path, 0);

    queue_path(layout, queue, id, &path);
    if (lstat(buf_cstr(&path), st) == 0)
        return true;
    return is_off_the_path(errno) && find_elsewhere(layout, queue, id, &path) &&
           lstat(buf_cstr(&path), st) == 0;
}
