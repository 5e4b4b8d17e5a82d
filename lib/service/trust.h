#pragma once
/* service/trust - what each program of master.cf may be and whom it may call: trust.def. */
#include "base/str.h"

#include <stdbool.h>
#include <sys/types.h>

struct trust {
    const char *program;
    int stranger; /* 0...: which user of its own it runs as; or TRUST_OWNER, TRUST_ROOT */
    const char *const *calls; /* programs, "$parameter"; ends with NULL */
};
enum { TRUST_OWNER = -1, TRUST_ROOT = -2 };

/* NULL: not one of ours; it may call nobody. */
const struct trust *trust_of(const char *program);
/* Is `program` on the list of `caller`, by its own name? */
bool trust_may_call(const char *caller, struct str program);
#define TRUST_STRANGERS 8 /* users that are kept for programs of strangers */
#define TRUST_UID_ENV   "RELEVO_UID"
/* The user and group of such a program; master(8) tells it by TRUST_UID_ENV.  They have no name: Debian's policy and systemd
 * keep these numbers free, and they exist in a container with 65,536 users.  False: somebody has the number here,
 * or the kernel does not know it; the program runs as mail_owner then. */
bool trust_stranger_uid(int stranger, uid_t *uid);
