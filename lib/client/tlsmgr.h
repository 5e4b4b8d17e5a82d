#pragma once
/* client/tlsmgr - ask tlsmgr(8) for TLS sessions and for the keys of session tickets.
 *
 * One connection a process, made before the jail and made again when tlsmgr has been restarted.  When it cannot be asked,
 * no session is resumed: that costs time, never mail. */
#include "ipc/messages/tlsmgr.h"
#include "tls/tls.h"

/* How the sessions of `cache` ("smtpd", "smtp", "lmtp"; kept) are to be kept.  `store->load` is NULL when they are not cached;
 * lifetime 0: they are not resumed at all.  False: tlsmgr cannot be asked. */
NODISCARD bool tlsmgr_open_cache(const char *cache, struct tls_store *store, int *lifetime_s);
struct tls_ticket_keys tlsmgr_ticket_keys(void);
/* tlsmgr holds the private keys and signs for the connection that this process has made as root. */
struct tls_signer tlsmgr_signer(void);
/* tlsmgr knows the keys of these tls_server_sni_maps (kept) too, and answers for them.  False: the process has to look
 * itself. */
NODISCARD bool tlsmgr_finds_names(struct str maps, struct tls_server_names *names);
/* The last moment before the jail: what is behind the keys is not looked at any more. */
void tlsmgr_close_key_files(void);
/* That connection is gone, and the keys with it: only a fresh process can hand them over again. */
bool tlsmgr_has_lost_keys(void);
/* That, or tlsmgr could not be asked when this process was cloned: no handshake is possible now. */
bool tlsmgr_lacks_keys(void);
