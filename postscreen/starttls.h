#pragma once
/* postscreen/starttls - TLS in a dialogue of ours is tlsproxy's affair: it gets the client, and we get what it says in plain. */
#include "postscreen/facts.h"

/* The client wants it, and it may have it.  True: it does not get it, and the dialogue goes on; false: its turn is over. */
NODISCARD bool starttls(struct client *c);
