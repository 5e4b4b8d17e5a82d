#pragma once
/* qmgr/recipient - one recipient of an active message, in one piece of memory. */
#include "queue/record.h"

#include <stdint.h>

enum recipient_flag {
    RECIPIENT_ORIG_SAME = 1 << 0,  /* original recipient equals the address */
    RECIPIENT_ORCPT_ORIG = 1 << 1, /* dsn_orig_rcpt is "rfc822;" and the original recipient */
};

struct recipient {
    struct recipient *next;
    int64_t offset; /* of its type byte in the queue file */
    uint16_t address_len, orig_len, orcpt_len;
    uint8_t notify; /* DSN_NOTIFY_* */
    uint8_t flags;
    char text[];
};

/* The texts of a recipient.  An absent `orig` or `orcpt` is an empty one. */
struct recipient_text {
    struct str address, orig, orcpt;
};

struct recipient *recipient_new(const struct recipient_text *text, int notify, int64_t offset);
void recipient_free_all(struct recipient *first);
struct str recipient_address(const struct recipient *r);
struct str recipient_orig(const struct recipient *r);
/* `scratch` is used when the text must be put together. */
#define RECIPIENT_SCRATCH RECORD_ATTR_MAX
struct str recipient_orcpt(const struct recipient *r, char *scratch);
