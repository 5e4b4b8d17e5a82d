#pragma once
/* conf/service_params - parameters that each transport has under its own name: smtp_destination_rate_delay and the
 * like, and what stands in when it is not set. */
#include "conf/params.h"

struct service_param {
    const char *suffix;   /* "_destination_rate_delay" */
    const char *fallback; /* a parameter of the table */
};

/* What the queue manager reads for each transport. */
extern const struct service_param transport_params[];
extern const size_t transport_param_count;
/* What pipe(8) and spawn(8) read for each of their services. */
extern const struct service_param time_limit_param;

/* The row that says what a value of this name may be; NULL if it is no name of that kind. */
const struct param *service_param_find(struct str name);
