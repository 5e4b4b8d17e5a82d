#pragma once
/* postscreen/client - a client comes, is told things, and goes. */
#include "postscreen/facts.h"

/* Not known yet; `fd` is the client's. */
struct client *client_new(struct screen *screen, int fd);
/* Who it is.  From now on it counts, and its end is logged. */
void client_identify(struct client *c, const struct netaddr *from, uint16_t port,
                     const struct netaddr *to, uint16_t to_port);
/* The end of the session: what it has passed is noted, and the connection goes, unless somebody else has it now. */
void client_end(struct client *c);

/* Call `fn` after this time, in place of whatever was to be called before. */
void client_wait(struct client *c, int64_t ms, loop_timer_fn *fn);
void client_stop_waiting(struct client *c);
void client_watch(struct client *c, loop_fd_fn *fn);
void client_unwatch(struct client *c);

/* Say something, footer and all.  False: it does not listen, and is gone. */
NODISCARD bool client_say(struct client *c, struct smtp_reply reply);
/* The same and the end. */
void client_part(struct client *c, struct smtp_reply reply);
/* The first line of a greeting, which says that more will come; as client_say(). */
NODISCARD bool client_tease(struct client *c, struct str banner);
/* The client has closed the connection in `phase`. */
void client_hang_up(struct client *c);
/* All that it had to pass is passed: remember it, and say so in the log. */
void client_conclude(struct client *c);
/* `PREGREET 5 after 0.1 from [A]:P`: the time since this phase began. */
void client_format_delay(const struct client *c, struct buf *out);
/* A test, or a list, speaks against it: from now on its recipients get this (a text that lives as long as the process). */
void client_refuse(struct client *c, struct smtp_reply reply);
/* A setting as it is now. */
static inline int stressed_value(const struct screen *s, const struct stressed *v)
{
    return s->is_stressed ? v->stress : v->normal;
}
