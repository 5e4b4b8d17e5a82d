#pragma once
/* master/options - the command line of master(8). */
#include "base/attr.h"

#include <stdbool.h>

struct master_options {
    const char *config_directory; /* -c; also becomes MAIL_CONFIG */
    int exit_after_s;             /* -e; 0: never */
    bool keep_terminal;           /* -d: no redirection, no new session */
    bool debugger;                /* -D */
    bool init;                    /* -i: process 1 of a container */
    bool foreground;              /* -s: stdout stays, for maillog_file = /dev/stdout */
    bool test_lock;               /* -t: only say whether a master runs */
    bool check;                   /* -n */
    bool wait;                    /* -w: return when the system is up */
    int verbose;
};

void master_options_parse(struct master_options *o, int argc, char **argv);
