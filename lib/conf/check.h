#pragma once
/* conf/check - can the values of main.cf and of the -o settings of master.cf be used, whoever reads them?
 *
 * Nothing here ends the process: every fault is told, with the file and the line that it is in. */
#include "conf/conf.h"
#include "conf/master_cf.h"

/* A place and what is wrong there: "DIR/main.cf, line 7: bad boolean configuration: ...".  Called for each fault. */
struct check_listener {
    void (*tell)(void *context, struct str fault);
    void *context;
};

/* All parameters that main.cf sets, and those that no mail system can do without.  Returns the number of faults. */
unsigned conf_check_main(struct conf *c, const struct check_listener *listener);
/* The -o settings of one service. */
unsigned conf_check_service(struct conf *c, const struct master_entry *e,
                            const struct check_listener *listener);
