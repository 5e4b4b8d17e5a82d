#pragma once
/* flush/site_log - flush/SITE: which messages wait for one destination, a queue id a line (spec:
 * queue file, section 10).  The modification time is that of the last entry, the access time
 * that of the last attempt. */
#include "queue/queue_id.h"

#include <time.h>

struct site_log {
    char path[256];
};

/* The log of a destination: lower case, everything but letters and digits becomes "_".  False
 * when the name is empty or too long. */
NODISCARD bool site_log_for(struct str site, struct site_log *log);
/* By the name of an existing log file. */
void site_log_named(const struct queue_id *name, struct site_log *log);

/* Add an entry.  False: errno. */
NODISCARD bool site_log_append(const struct site_log *log, const struct queue_id *id);
/* Take all entries out (each once, `*ids` from the heap, freed by the caller) and note the
 * attempt.  A missing log has none. False: errno. */
NODISCARD bool site_log_take(const struct site_log *log, struct queue_id **ids, size_t *count);

enum site_log_age {
    SITE_LOG_FRESH,
    SITE_LOG_DUE /* no attempt for `refresh_s` */,
    SITE_LOG_IDLE /* empty for `purge_s` */
};
enum site_log_age site_log_age(const struct site_log *log, time_t now, int refresh_s, int purge_s);
