#pragma once
/* text/mta_sts - MTA-STS (RFC 8461): the record, the policy, and what a delivery makes of it.  Pure. */
#include "base/arena.h"
#include "base/buf.h"

#define MTA_STS_AGE_MAX 31557600 /* seconds: a year */

enum mta_sts_mode { MTA_STS_NONE, MTA_STS_TESTING, MTA_STS_ENFORCE };

struct mta_sts_policy {
    enum mta_sts_mode mode;
    int64_t max_age; /* seconds */
    struct str mx;   /* patterns, a blank behind each */
};

/* The id in a TXT record of _mta-sts.DOMAIN.  False: this is no record of MTA-STS. */
NODISCARD bool mta_sts_record_parse(struct str text, struct str *id);
/* The text of a policy.  False: it is none.  Texts live in `a`. */
NODISCARD bool mta_sts_policy_parse(struct str text, struct arena *a, struct mta_sts_policy *out);
/* The policy as an entry of smtp_tls_policy_maps; nothing at mode none. */
void mta_sts_policy_entry(const struct mta_sts_policy *p, struct str domain, struct buf *out);
