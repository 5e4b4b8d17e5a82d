#pragma once
/* tlsmgr(8) over private/tlsmgr: what TLS sessions have in common across processes and time.
 *
 *   'P' tlsmgr_ask     server 'p' tlsmgr_policy    how sessions of that cache are kept
 *   'L' tlsmgr_entry   server 'l' tlsmgr_entry     the session, empty when there is none
 *   'U' tlsmgr_entry   no answer                   keep the session
 *   'D' tlsmgr_entry   no answer                   forget it; `session` is empty
 *   'K' tlsmgr_ask     server 'k' tlsmgr_key       a key for session tickets: by its name, or the one to issue with
 *
 *   'H' tlsmgr_text    server 'h' tlsmgr_text      keep the keys of the file whose descriptor comes along, for this connection,
 *                                                  which root must have made; the answer is its text without them
 *   'N' tlsmgr_name    server 'n' tlsmgr_chain     keep the key of a name in tls_server_sni_maps, in the same way; without a
 *                                                  name: are these maps known, or is that an error?
 *   'S' tlsmgr_task    server 's' tlsmgr_text      sign with one of them; empty: no
 *
 * Bytes are base64. */
#include "ipc/schema.h"

#define TLSMGR_POLICY 'P'
#define TLSMGR_LOOKUP 'L'
#define TLSMGR_UPDATE 'U'
#define TLSMGR_DELETE 'D'
#define TLSMGR_KEY    'K'
#define TLSMGR_KEEP   'H'
#define TLSMGR_NAME   'N'
#define TLSMGR_SIGN   'S'
/* The letter of an answer. */
#define TLSMGR_ANSWER(kind) ((char)((kind) | 0x20))

#define TLSMGR_ASK_FIELDS(FIELD) FIELD(STR, name, "name") /* of a cache, of a key */
IPC_MESSAGE(tlsmgr_ask, TLSMGR_ASK_FIELDS)

#define TLSMGR_POLICY_FIELDS(FIELD) \
    FIELD(INT, cached, "cached")    \
    FIELD(INT, lifetime, "lifetime") /* seconds; 0: no session is resumed */
IPC_MESSAGE(tlsmgr_policy, TLSMGR_POLICY_FIELDS)

#define TLSMGR_ENTRY_FIELDS(FIELD)                       \
    FIELD(STR, cache, "cache") /* smtpd, smtp or lmtp */ \
    FIELD(STR, id, "id")                                 \
    FIELD(STR, session, "session")
IPC_MESSAGE(tlsmgr_entry, TLSMGR_ENTRY_FIELDS)

/* All empty: there is no such key. */
#define TLSMGR_KEY_FIELDS(FIELD)                                              \
    FIELD(STR, name, "name")                                                  \
    FIELD(STR, cipher, "cipher")                                              \
    FIELD(STR, mac, "mac")                                                    \
    FIELD(LONG, issues_until, "issues_until") /* seconds of the wall clock */ \
    FIELD(LONG, opens_until, "opens_until")
IPC_MESSAGE(tlsmgr_key, TLSMGR_KEY_FIELDS)

#define TLSMGR_TEXT_FIELDS(FIELD) FIELD(STR, text, "text")
IPC_MESSAGE(tlsmgr_text, TLSMGR_TEXT_FIELDS)

#define TLSMGR_NAME_FIELDS(FIELD)                                                \
    FIELD(STR, maps, "maps") /* a tls_server_sni_maps of main.cf or master.cf */ \
    FIELD(STR, name, "name")
IPC_MESSAGE(tlsmgr_name, TLSMGR_NAME_FIELDS)

#define TLSMGR_CHAIN_FIELDS(FIELD)                    \
    FIELD(INT, result, "result") /* enum tls_chain */ \
    FIELD(STR, text, "text")     /* with stand-ins for keys */
IPC_MESSAGE(tlsmgr_chain, TLSMGR_CHAIN_FIELDS)

#define TLSMGR_TASK_FIELDS(FIELD)                               \
    FIELD(INT, key, "key")                                      \
    FIELD(INT, operation, "operation") /* enum tls_operation */ \
    FIELD(INT, padding, "padding")                              \
    FIELD(STR, input, "input")
IPC_MESSAGE(tlsmgr_task, TLSMGR_TASK_FIELDS)
