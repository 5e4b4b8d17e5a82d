#pragma once
/* services/tokenmgr/account - what a token server has to be told for one account, and what it answers.  Pure. */
#include "base/arena.h"
#include "base/buf.h"

struct account {
    struct account *next;
    struct str name;                       /* of its file */
    struct str id, secret, refresh, scope; /* secret and scope may be empty */
    struct str url;                        /* https:// */
};

/* A name that an account may have: letters, digits, and - _ . @ +, not at the beginning. */
bool account_name_is_valid(struct str name);
/* Lines `name = value`; `#` begins a comment.  False: `why`.  Texts live in `a`. */
NODISCARD bool account_parse(struct str text, struct arena *a, struct account *out,
                             struct buf *why);
/* The form that asks for an access token (RFC 6749, section 6). */
void account_form(const struct account *account, struct str refresh, struct buf *form);

struct grant {
    struct str token;
    struct str refresh; /* to be used from now on; absent: the one there is */
    int64_t lifetime_s;
};
/* The server's answer.  False: `why`, what it says is wrong.  Texts live in `a`. */
NODISCARD bool grant_parse(struct str content, struct arena *a, struct grant *out, struct buf *why);
