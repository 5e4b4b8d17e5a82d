#pragma once
/* client/flush - the fast flush service: which deferred messages wait for which destination, and
 * sending them now (public attribute protocol, spec: ipc section 3). */
#include "queue/queue_id.h"

enum flush_status {
    FLUSH_OK = 0,
    FLUSH_FAIL = 1,    /* nobody there, or it failed: see `errno` when it is not 0 */
    FLUSH_UNKNOWN = 3, /* the destination is not in fast_flush_domains */
    FLUSH_BAD = 4,     /* no such request, or no valid destination or queue id */
};

#define FLUSH_REQUEST_ADD       "add"
#define FLUSH_REQUEST_SEND_SITE "send_site"
#define FLUSH_REQUEST_SEND_FILE "send_file"
#define FLUSH_REQUEST_REFRESH   "rfrsh"
#define FLUSH_REQUEST_PURGE     "purge"

/* `socket_path` is "public/" plus flush_service_name. */
enum flush_status flush_client_add(const char *socket_path, struct str site,
                                   const struct queue_id *id, int timeout_s);
enum flush_status flush_client_send_site(const char *socket_path, struct str site, int timeout_s);
enum flush_status flush_client_send_file(const char *socket_path, const struct queue_id *id,
                                         int timeout_s);
