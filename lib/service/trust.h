#pragma once
/* service/trust - what each program of master.cf may be and whom it may call: trust.def. */
#include <stdbool.h>
#include <sys/types.h>

struct trust {
    const char *program;
    int stranger;             /* 0...: which user of its own it runs as; or TRUST_OWNER, TRUST_ROOT */
    const char *const *calls; /* programs, "$parameter"; ends with NULL */
};
enum { TRUST_OWNER = -1, TRUST_ROOT = -2 };

/* NULL: not one of ours; it may call nobody. */
const struct trust *trust_of(const char *program);
/* The user and group of a stranger's program.  They have no name: these numbers are kept free by Debian's policy and by systemd,
 * and exist in a container with 65,536 users.  False: somebody has the number here. */
bool trust_stranger_uid(int stranger, uid_t *uid);
