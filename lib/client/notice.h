#pragma once
/* client/notice - mail to the postmaster about a session with another host, with what was said in it. */
#include "client/cleanup.h"
#include "client/transcript.h"

struct notice {
    struct str recipient;
    struct str reporter; /* "SMTP server": who of us spoke to the host */
    struct str peer;     /* name[address] */
    struct str opening;  /* what is the matter; empty: the transcript tells */
    struct str
        ending; /* how the session ended early; empty: it did not; absent: nothing is said of it */
    const struct transcript *said;
};

/* False: the mail system did not take it. */
NODISCARD bool notice_submit(struct cleanup_client *c, const struct notice *n);
