#pragma once
/* delivery/store - put a message into a mailbox: mbox files and Maildirs.
 *
 * Everything happens with the rights of the mailbox's owner.  A link is never followed in the last
 * component unless root made it, and an mbox must be a file with one name.  A failed append leaves
 * the mailbox as it was. */
#include "delivery/copy.h"

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

/* Why it failed. */
struct store_fault {
    enum outcome_status status;
    const char *dsn;
    bool complete; /* the text needs no words in front */
    bool patient; /* virtual(8): what may be the administrator's mistake is tried again, not bounced
                   */
    bool while_writing; /* reported as a write error of the system */
    struct buf text;
};
#define STORE_FAULT_INIT \
    ((struct store_fault){ .status = OUTCOME_DEFERRED, .dsn = "4.2.0", .text = BUF_INIT(2048) })

/* `plan` says how the copy looks; its max_bytes is set here. */
NODISCARD bool store_message(struct delivery *d, const struct store_target *t,
                             struct copy_plan *plan, struct store_fault *fault);
/* The two kinds. */
NODISCARD bool mbox_append(struct delivery *d, const struct store_target *t, struct copy_plan *plan,
                           struct store_fault *fault);
NODISCARD bool maildir_add(struct delivery *d, const struct store_target *t, struct copy_plan *plan,
                           struct store_fault *fault);

/* The outcome that follows from an error: a full mailbox and a wrong place bounce, all else is
 * tried again. */
void store_fault_status(struct store_fault *fault, int error);
/* That, with the text `what`: strerror(error). */
void store_fault_errno(struct store_fault *fault, const char *what, int error);
/* That, for a message that could not be written, or not in whole. */
void store_fault_writing(struct store_fault *fault, int error);
/* The fault as an outcome; `prefix` stands before an incomplete text. */
void store_fault_outcome(struct outcome *o, struct arena *a, struct store_fault *fault,
                         const char *prefix);
/* What copying gave, as a fault; true when it was fine. */
NODISCARD bool store_copy_ok(enum copy_result result, struct store_fault *fault);
