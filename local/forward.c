/* ~/.forward and its relatives in forward_path. */
#include "base/log.h"
#include "delivery/rights.h"
#include "local/destination_list.h"
#include "local/walk.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORWARD_MAX (1024UL * 1024)

enum forward_state { FORWARD_NONE, FORWARD_READ, FORWARD_TROUBLE /* errno */ };

static bool is_safe(const char *path, const struct stat *st, const struct user *user)
{
    const char *problem = NULL;
    char owner[40];

    (void)snprintf(owner, sizeof owner, "has bad owner uid %u", (unsigned)st->st_uid);
    if (!S_ISREG(st->st_mode))
        problem = "is not a regular file";
    else if (st->st_uid != user->uid && st->st_uid != 0)
        problem = owner;
    else if (st->st_mode & S_IWOTH)
        problem = "is world writable";
    if (problem)
        log_warning("file %s %s", path, problem);
    return problem == NULL;
}

static enum forward_state read_open_file(const char *path, int fd, const struct user *user,
                                         struct buf *text)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return FORWARD_TROUBLE;
    if (!is_safe(path, &st, user))
        return FORWARD_NONE;
    return fd_read_all(fd, text) ? FORWARD_READ : FORWARD_TROUBLE;
}

/* With the user's rights (root's file with root's; what it names is done by default_privs). */
static enum forward_state read_forward(const char *path, const struct user *user, struct buf *text)
{
    enum forward_state state = FORWARD_NONE;

    rights_enter(user->uid, user->gid);
    FD_AUTO(fd, open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (fd >= 0)
        state = read_open_file(path, fd, user, text);
    else if (errno == ELOOP)
        log_warning("file %s is not a regular file", path);
    else if (errno == EACCES || errno == EPERM)
        log_warning("cannot open file %s: %m", path);
    else if (errno != ENOENT && errno != ENOTDIR)
        state = FORWARD_TROUBLE;
    int error = errno;
    rights_leave();
    errno = error;
    return state;
}

static bool expand_forward(const struct branch *b, const char *path, struct str text,
                           bool extension_is_used)
{
    struct branch child = *b;

    if (b->attempt->d->request.flags & DELIVERY_FLAG_PROBE_MTA)
        return branch_sent(b, "forward via file: %s", path);
    child.above = b;
    child.level++;
    child.origin = FROM_FORWARD;
    child.mandate = mandate_below(b->mandate, FROM_FORWARD, b->user);
    child.forwarder = b->base;
    child.alias = STR_NONE;
    child.unmatched = STR_NONE;
    if (b->delimiter && !extension_is_used &&
        str_has_word(b->attempt->tables->propagate, STR("forward")))
        child.unmatched = str_skip(b->local, b->base.len);
    return destinations_deliver(&child, text);
}

bool forward_deliver(const struct branch *b, bool *status)
{
    struct str list = local_conf.forward_path, word;
    BUF_AUTO(path, 0);
    BUF_AUTO(last, 0);
    BUF_AUTO(text, FORWARD_MAX);

    while (str_token_braced(&list, ", \t\r\n", &word, NULL)) {
        bool names_extension = str_find_str(word, STR("extension")) != STR_NOT_FOUND;
        if (names_extension &&
            str_has(b->extension, '/')) /* would lead out of the home directory */
            continue;
        if (b->delimiter == 0 && str_find_str(word, STR("recipient_delimiter")) != STR_NOT_FOUND)
            continue; /* nobody keeps a file whose name ends in a delimiter */
        buf_clear(&path);
        if (!branch_expand(b, word, local_conf.forward_expansion_filter, &path))
            continue;
        if (str_equal(buf_str(&path), buf_str(&last)))
            continue;
        buf_clear(&last);
        buf_add(&last, buf_str(&path));
        buf_clear(&text);
        enum forward_state state = read_forward(buf_cstr(&path), b->user, &text);
        if (state == FORWARD_TROUBLE) {
            *status =
                branch_defer(b, "4.3.0", "error reading forwarding file: %s", strerror(errno));
            return true;
        }
        if (state == FORWARD_NONE ||
            destination_list_is_empty(buf_str(&text), true,
                                      (size_t)site_conf.header_address_token_limit))
            continue;
        if (str_equal(b->forwarder, b->base)) /* named in his own file: the mailbox */
            return false;
        if (!branch_expands_first(b, "forward", branch_acted(b, b->user, buf_str(&path)))) {
            *status = true;
            return true;
        }
        *status =
            expand_forward(b, buf_cstr(&path), buf_str(&text), names_extension && b->delimiter);
        return true;
    }
    return false;
}
