#include "os/draft.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int draft_open(struct draft *d, const char *path)
{
    const char *name;

    *d = (struct draft){ .fd = -1, .dir = fd_open_parent(path, &name) };
    if (d->dir < 0)
        return errno;
    buf_add_cstr(&d->name, name);
    buf_addf(&d->temporary, STR_FMT ".%ld.tmp", STR_ARG(buf_str(&d->name)), (long)getpid());
    (void)unlinkat(d->dir, buf_cstr(&d->temporary), 0); /* of a namesake that was interrupted */
    d->fd = openat(d->dir, buf_cstr(&d->temporary),
                   O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return d->fd < 0 ? errno : 0;
}

static bool is_still_there(struct draft *d)
{
    struct stat ours, named;

    return fstat(d->fd, &ours) == 0 &&
           fstatat(d->dir, buf_cstr(&d->temporary), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

int draft_publish(struct draft *d, const struct draft_owner *owner)
{
    if ((owner->set && fchown(d->fd, owner->uid, owner->gid) != 0) ||
        fchmod(d->fd, owner->mode) != 0)
        return errno;
    if (!is_still_there(d))
        return ESTALE;
    if (renameat(d->dir, buf_cstr(&d->temporary), d->dir, buf_cstr(&d->name)) != 0)
        return errno;
    fd_close(&d->fd);
    return 0;
}

void draft_close(struct draft *d)
{
    if (d->fd >= 0 && is_still_there(d))
        (void)unlinkat(d->dir, buf_cstr(&d->temporary), 0);
    fd_close(&d->fd);
    fd_close(&d->dir);
    buf_free(&d->name);
    buf_free(&d->temporary);
}
