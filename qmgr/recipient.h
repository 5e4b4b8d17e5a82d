#pragma once
/* qmgr/recipient - one recipient of an active message, in one piece of memory. */
#include "base/str.h"

#include <stdint.h>

/* Longer addresses than this are no addresses: the file goes to corrupt/. */
#define RECIPIENT_TEXT_MAX 16384

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
/* `scratch` must have room for RECIPIENT_TEXT_MAX + 8 bytes; used when the text must be put
 * together. */
struct str recipient_orcpt(const struct recipient *r, char *scratch);
