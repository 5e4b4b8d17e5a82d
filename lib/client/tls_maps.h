#pragma once
/* client/tls_maps - the tables of main.cf that TLS asks for one peer: how much is logged (*_tls_loglevel_maps), and the
 * certificate for the name that a client wants to speak with (tls_server_sni_maps).  They are opened before the jail. */
#include "table/list.h"
#include "tls/tls.h"

struct tls_log_maps {
    struct table_list *maps;
    bool plain_parents; /* parents of names are looked up without a dot */
    unsigned otherwise; /* classes for those whom no table knows: the value of *_tls_loglevel */
};

/* `parameter` is kept. */
struct tls_log_maps tls_log_maps_open(struct str text, const char *parameter, unsigned otherwise);
/* The classes (enum tls_log) for one peer: by its name, the parents of the name, its address, the networks around it.  An absent
 * name is not looked up. */
unsigned tls_log_maps_find(const struct tls_log_maps *m, struct str name, struct str address);

struct watch;
/* For tls_server_settings.names; `text` (kept) is the value of tls_server_sni_maps.  Where tlsmgr has the keys and looks, the
 * tables' files are watched by `files`. */
struct tls_server_names tls_names_open(struct str text, struct watch *files);
/* The same where this process looks itself. */
struct tls_server_names tls_names_open_tables(struct str text);
