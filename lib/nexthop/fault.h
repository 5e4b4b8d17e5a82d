#pragma once
/* nexthop/fault - why a destination or server could not take the mail, and the words for it. */
#include "base/arena.h"
#include "smtp/client.h"

struct fault {
    char dsn[16];
    struct str text;   /* absent: nothing went wrong; lives in the arena passed in */
    struct str reply;  /* what the server said, or absent */
    struct str server; /* who said it */
    bool permanent;
    bool loops;            /* the server is we ourselves */
    bool handshake;        /* TLS did not begin: in plain it may work */
    bool only_here;        /* permanent as it is, another server of the destination may do better */
    const char *parameter; /* of main.cf that is to blame; NULL: none */
};

void fault_set(struct fault *f, struct arena *a, const char *dsn, bool permanent, const char *fmt,
               ...) PRINTF(5, 6);
/* The site named this hop itself: what is wrong with it for ever is wrong in main.cf, and waits for its mending. */
void fault_blame(struct fault *f, const char *parameter);
/* "lost connection with N[A] while ..." or "conversation with N[A] timed out while ...", as errno
 * has it.  `shown` is N[A]. */
void fault_from_loss(struct fault *f, struct arena *a, struct str shown, enum smtp_step step,
                     int error);
/* "host N[A] refused to talk to me: ...".  A greeting that refuses by its rules (5yz) is permanent only
 * without smtp_skip_5xx_greeting (`skip_5xx`). */
void fault_from_refusal(struct fault *f, struct arena *a, struct str shown, enum smtp_step step,
                        const struct smtp_answer *answer, bool skip_5xx);
/* "TLS is required, but host N[A] refused to start TLS: ...". */
void fault_from_starttls(struct fault *f, struct arena *a, struct str shown,
                         const struct smtp_answer *answer);
/* Does an answer that was not hoped for mean that trying again is of no use?  What is neither yes nor
 * no, or yes to something else, is not going to get better. */
bool fault_is_permanent(const struct smtp_answer *answer);
/* Is the server, or are we, at odds with the protocol? */
bool fault_is_of_protocol(const struct smtp_answer *answer);
/* "host N[A] said: ... (in reply to X command)". */
struct str fault_said(struct arena *a, struct str shown, enum smtp_step step,
                      const struct smtp_answer *answer);
/* The same text in one line. */
struct str fault_one_line(struct arena *a, struct str text);
