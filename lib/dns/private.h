#pragma once
/* The inside of struct dns, shared by the files of lib/dns; nobody else includes this. */
#include "dns/dns.h"

#include <ares.h>

struct dns {
    ares_channel channel;
    bool ready;
    struct hosts *hosts;
    bool complete, search; /* res_defnames, res_dnsrch */
    char **domains;        /* the resolver's search list */
    int domain_count;
    struct ares_options saved; /* owns `domains` */
    dns_filter_fn *filter;
    void *filter_context;
};

/* sockets.c */
void dns_use_own_sockets(ares_channel channel);
