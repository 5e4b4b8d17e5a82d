#pragma once
/* local/list_file - opening the file of an :include: for whoever named it. */
#include "delivery/user.h"

#include <sys/stat.h>

enum list_file_result {
    LIST_FILE_OPEN,
    LIST_FILE_WRONG,  /* somebody has to mend it: bounce */
    LIST_FILE_TROUBLE /* try again later */
};

/* Opens it with the rights of `mandate` (local/mandate.h).  For the administrator that is `default_user`; a list that
 * its owner keeps to himself is then opened with the owner's rights, if only he and root can have put it there.  It must
 * be a regular file that not everybody may write to.  What is wrong is logged. */
NODISCARD enum list_file_result list_file_open(const char *path, const struct user *mandate,
                                               const struct user *default_user, int *fd,
                                               struct stat *st);
