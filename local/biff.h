#pragma once
/* local/biff - tell comsat(8) where new mail begins in a mailbox: "you have new mail" on the terminals of users who
 * asked for it. */
#include "base/str.h"

#include <stdint.h>

struct biff {
    int fd; /* the socket; -1: not made yet */
    bool somebody_listens;
    int64_t ask_again_ms;
};
#define BIFF_INIT ((struct biff){ .fd = -1 })

void biff_notify(struct biff *b, struct str user, int64_t offset);
