#pragma once
/* delivery/store_target - a mailbox, and whose it is. */
#include "base/str.h"

#include <stdint.h>
#include <sys/types.h>

enum store_lock { STORE_FCNTL = 1 << 0, STORE_FLOCK = 1 << 1, STORE_DOTLOCK = 1 << 2 };
/* mailbox_delivery_lock, virtual_mailbox_lock: "fcntl, dotlock".  False for an unknown word. */
NODISCARD bool store_lock_parse(struct str text, unsigned *locks);

struct store_target {
    const char *path; /* a Maildir ends in '/' */
    uid_t uid;        /* whose rights */
    gid_t gid;
    unsigned locks;     /* enum store_lock */
    int64_t size_limit; /* of the file; 0: none */
    bool strict_owner;  /* the file must belong to `uid`; else that is only a warning */
    bool in_spool;      /* where the owner may not make files, we make them for him
                           (mail_spool_directory) */
    bool any_file; /* a destination /file/name: devices are fine, executables are not, the dot lock
                      may fail */
};
