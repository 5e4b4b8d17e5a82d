#pragma once
/* delivery/fast_flush - tell flush(8) which deferred messages wait for a destination of
 * fast_flush_domains, so that ETRN and `postqueue -s` find them. */
#include "conf/conf.h"
#include "delivery/agent.h"

/* Before the jail: opens the list of destinations. */
NODISCARD struct fast_flush fast_flush_open(struct conf *conf);
void fast_flush_close(struct fast_flush *f);
/* A recipient was deferred.  A failure costs a warning: the message is tried again in any case. */
void fast_flush_note(const struct fast_flush *f, struct str queue_id, struct str recipient);
