#pragma once
/* postscreen/merits - what is known of a client's address: until when it need not take each test again.  Pure. */
#include "base/buf.h"

#include <stdint.h>

/* In the order of the cache's fields. */
enum screen_test {
    SCREEN_PREGREET,     /* it does not speak before it is greeted */
    SCREEN_DNSBL,        /* DNS lists know nothing bad of it */
    SCREEN_PIPELINING,   /* it waits for replies */
    SCREEN_NON_SMTP,     /* it speaks SMTP and nothing else */
    SCREEN_BARE_NEWLINE, /* it ends lines as SMTP wants */
    SCREEN_TESTS
};
#define SCREEN_BIT(test) (1U << (test))
#define SCREEN_EARLY     (SCREEN_BIT(SCREEN_PREGREET) | SCREEN_BIT(SCREEN_DNSBL))
#define SCREEN_DEEP \
    (SCREEN_BIT(SCREEN_PIPELINING) | SCREEN_BIT(SCREEN_NON_SMTP) | SCREEN_BIT(SCREEN_BARE_NEWLINE))
#define SCREEN_ALL (SCREEN_EARLY | SCREEN_DEEP)

/* Seconds of the wall clock. */
struct merits {
    int64_t until[SCREEN_TESTS];
};
/* In place of a time, and both are past. */
#define MERIT_NEVER    0 /* it has not passed yet */
#define MERIT_DISABLED 1 /* nobody asked it to */

/* Of an address that nobody knows; `enabled` are bits of the tests that the site wants. */
void merits_init(struct merits *m, unsigned enabled);
/* `time;time;...`.  Fields that are missing or no numbers are MERIT_DISABLED. */
void merits_parse(struct merits *m, struct str text);
void merits_format(const struct merits *m, struct buf *out);
/* The enabled tests whose time is over. */
unsigned merits_due(const struct merits *m, unsigned enabled, int64_t now);
/* Is there a test that it has never passed? */
bool merits_is_new(const struct merits *m);
