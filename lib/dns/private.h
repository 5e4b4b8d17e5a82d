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
    struct dns_probe {
        struct str text; /* as configured; empty: nothing is left to find out */
        enum dns_type type;
        struct str name;
    } probe;
};

/* secure.c */
/* A query packet that wants to know of signatures; free it with ares_free_string().  NULL: no memory, or no name. */
unsigned char *dns_secure_packet(const char *name, enum dns_type type, int *len);
/* RCODE and AD bit of an answer, which has a whole header. */
enum dns_status dns_secure_status(struct str bytes);
bool dns_is_vouched_for(struct str bytes);
/* An answer has come: the first one that nobody vouches for makes the probe necessary. */
void dns_judge_resolver(struct dns *d, struct str bytes);

/* dns.c */
/* Have the bytes of a secure answer; the status is c-ares's. */
int dns_exchange_secure(struct dns *d, struct str name, enum dns_type type, struct arena *a,
                        struct str *bytes);

/* sockets.c */
void dns_use_own_sockets(ares_channel channel);
