#pragma once
/* delivery/agent - what a delivery agent has opened before its jail; nobody changes it while mail is delivered. */
#include "base/str.h"

#include <stdbool.h>
#include <sys/types.h>

struct agent {
    /* Whom the queue belongs to, when that is not who we are. */
    struct agent_owner {
        bool is_other;
        uid_t uid;
        gid_t gid;
    } owner;
    struct agent_verify {
        struct str service;
        bool keeps_failures;
    } verify;
    struct fast_flush {
        struct str service;
        struct match_list *domains;
    } fast_flush;
    struct status_filter {
        struct table_list *tables;
        const char *parameter; /* that names them */
    } status_filter;
};
