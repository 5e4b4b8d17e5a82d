#pragma once
/* postscreen/lists - ask DNS lists about an address, by way of dnsblog(8).  Clients of one address share the answers. */
#include "postscreen/facts.h"

/* True: `done` is called when the last answer is there, and at most once.  False: all answers are there. */
NODISCARD bool lists_ask(struct client *c, void (*done)(struct client *c));
/* `done` will not be called. */
void lists_stop_waiting(struct client *c);
/* What has been answered so far. */
const struct score *lists_score(const struct address *a);
/* Nobody is at that address any more. */
void lists_forget(struct screen *s, struct address *a);
/* The name of the list that replies show. */
void lists_shown_name(const struct screen *s, const struct site *site, struct buf *out);
