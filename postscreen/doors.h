#pragma once
/* postscreen/doors - TLS for each service of postscreen: what its line of master.cf says behind -o wins over main.cf.  tlsproxy
 * opens an engine for each that differs, before its jail, because certificates can be read nowhere else. */
#include "client/tls_maps.h"
#include "conf/conf.h"

struct watch;

struct door {
    struct str service;        /* in master.cf; absent: all that say nothing of their own */
    struct tls_engine *engine; /* NULL: there is no TLS */
    struct tls_log_maps log;
};

struct doors {
    struct door *items; /* the first is main.cf's own */
    size_t count;
};

/* Reads the parameters that `conf` has filled, and master.cf.  `files`: those that the engines are made of. */
struct doors doors_open(struct conf *conf, struct watch *files);
const struct door *doors_find(const struct doors *d, struct str service);
