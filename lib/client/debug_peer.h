#pragma once
/* client/debug_peer - debug_peer_list: what is said with some clients and servers is logged
 * (DEBUG_README's "Making Postfix daemons more verbose for specific SMTP connections"). */
#include "base/str.h"

/* At start, before the jail. */
void debug_peer_open(void);
/* A session with this peer begins: from now on the log is as much more verbose as
 * debug_peer_level says, if the peer is listed. */
void debug_peer_begin(struct str name, struct str address);
/* It is over. */
void debug_peer_end(void);
