#pragma once
/* tls/engine - inside the module: what both ends share.  Nothing here is seen by programs. */
#include "tls/client.h"

#include <openssl/ssl.h>

/* A list such as `>=TLSv1.2, !TLSv1.3`. */
struct protocol_range {
    int floor, ceiling; /* versions as OpenSSL counts them; 0: what OpenSSL knows */
    uint64_t forbidden; /* SSL_OP_NO_... */
};

struct tls_engine {
    SSL_CTX *context;
    const char *prefix;
    const struct tls_params *common;
    const EVP_MD *digest; /* of fingerprints */
    struct tls_settings settings;
    struct buf cipher_list;            /* the one that is in force */
    struct tls_server_settings server; /* of a server's engine, and its versions */
    struct protocol_range server_range;
    struct tls_client_settings client; /* of a client's engine */
};

/* OpenSSL itself, as tls_config_file says; once per process.  False, logged: TLS is disabled. */
NODISCARD bool library_start(const struct tls_params *common);
/* A context with everything that has nothing to do with one end: options, key exchange groups, authorities, own
 * certificates.  NULL, logged: TLS is disabled. */
struct tls_engine *engine_new(const SSL_METHOD *method, const struct tls_settings *settings);
void engine_free(struct tls_engine *e);

/* What OpenSSL has queued, oldest first, one `TLS library problem` line each. */
void errors_log(void);
/* Is there something in the queue? */
bool errors_are_queued(void);

/* ---- versions ---- */

/* False: an unknown word. */
NODISCARD bool protocols_parse(struct str list, struct protocol_range *range);
NODISCARD bool protocols_apply(SSL *ssl, const struct protocol_range *range);

/* ---- ciphers ---- */

/* The list of a grade without the exclusions, which may be several texts.  False, logged in the name of `peer`. */
NODISCARD bool ciphers_compose(const struct tls_params *common, struct str peer, struct str grade,
                               const struct str *exclusions, size_t count, struct buf *list);
/* Have it in force for the sessions of this engine that begin from now on. */
NODISCARD bool ciphers_apply(struct tls_engine *e, struct str peer, unsigned log, struct str list);

/* ---- options ---- */

uint64_t options_parse(const struct tls_params *common);
void groups_apply(SSL_CTX *context, const struct tls_params *common);
/* Finite-field parameters up to TLS 1.2. */
void dh_apply(SSL_CTX *context, struct str file);

/* ---- keys and certificates ---- */

/* Where a chain goes: the engine, or one session. */
struct chain_target {
    SSL_CTX *context;
    SSL *session;
    const struct tls_signer *signer; /* of keys that are not here; it outlives them */
};
/* Blocks of PEM: key, certificate, issuers, key ...  `origin` names it in complaints.  False, logged. */
NODISCARD bool chain_use_text(const struct chain_target *to, struct str pem, struct str origin);
/* What main.cf names, by chain_files or by the older pairs of files.  False, logged: it is of no use.  True also when it
 * names none, or only files that are missing. */
NODISCARD bool chain_use_files(SSL_CTX *context, const struct tls_settings *settings);
/* Authorities.  False, logged. */
NODISCARD bool trust_apply(SSL_CTX *context, const struct tls_settings *settings);

/* The block of a file that has a held key's number and public half (tls/keys.h). */
#define STAND_IN_NAME "RELEVO STAND-IN KEY"
/* The key that such a block stands for.  NULL: it is none. */
EVP_PKEY *stand_in_key(const struct tls_signer *signer, const unsigned char *data, long length);

struct tls_keys *keys_new(void);
void keys_free(struct tls_keys *keys);
void keys_take(struct tls_keys *keys, struct str pem, struct buf *public);
NODISCARD bool keys_act(const struct tls_keys *keys, const struct tls_task *task,
                        struct buf *result);

/* ---- certificates of others ---- */

/* Texts go to `a`, and are printable; absent if there is none. */
struct str names_of_subject(const X509 *cert, struct arena *a);
struct str names_of_issuer(const X509 *cert, struct arena *a);
/* `AB:CD:...` of the certificate, and of its public key. */
struct str fingerprint_of_cert(const X509 *cert, const EVP_MD *digest, struct arena *a);
struct str fingerprint_of_key(const X509 *cert, const EVP_MD *digest, struct arena *a);

/* ---- sessions ---- */

struct tls_session {
    SSL *ssl;
    struct stream *stream;
    struct tls_engine *engine;
    struct arena arena;
    struct str peer; /* for log lines: NAME[ADDRESS], for clients with the port */
    unsigned log;
    bool is_server;
    /* The operation under way: may it wait, has it, and until when. */
    bool wait, has_waited, has_deadline;
    struct deadline until;
    int error;   /* errno of the last system call; 0: it did not fail */
    bool at_end; /* the peer sends no more */
    bool broken; /* OpenSSL must not be asked for anything any more */
    int64_t end_ms;
    struct str early; /* bytes of the peer that come before those of the descriptor */
    struct tls_facts facts;
    struct client_side *client; /* client_side.h */
    /* What was wrong with the peer's chain, nearest to the leaf. */
    int depth_limit; /* authorities above the leaf */
    int fault_depth; /* -1: nothing */
    int fault;       /* X509_V_ERR_... */
    X509 *faulty;
};

/* A session over `s`, which stays as it is until the handshake has succeeded; `handshake` (SSL_accept, SSL_connect) is to be
 * called through session_handshake().  NULL: out of memory or a mistake in the settings, logged. */
struct tls_session *session_new(struct tls_engine *e, struct stream *s, struct str peer,
                                unsigned log, bool is_server);
/* True: from now on the stream's operations are TLS and the session belongs to it.  False, logged as
 * `SSL_accept error from PEER` or `SSL_connect error to PEER`: free it. */
NODISCARD bool session_handshake(struct tls_session *t, int (*handshake)(SSL *ssl),
                                 struct deadline until);
/* The same a step at a time, without waiting. */
void session_handshake_begin(struct tls_session *t);
NODISCARD enum tls_progress session_handshake_go_on(struct tls_session *t,
                                                    int (*handshake)(SSL *ssl));
void session_free(struct tls_session *t);
struct tls_session *session_of(const SSL *ssl);
/* Fill in what is known once the handshake has succeeded, except trust and match. */
void session_note_facts(struct tls_session *t);
/* `STATUS TLS connection established DIRECTION PEER: ...` */
void session_log_summary(const struct tls_session *t, const char *status);

/* Follow what a handshake does, as the session's log classes ask for. */
void trace_start(struct tls_session *t);
void trace_handshake_ended(struct tls_session *t);

/* Called by OpenSSL for each certificate of the peer's chain: notes faults, refuses nothing. */
int verify_note(int ok, X509_STORE_CTX *store);
/* The line that says why a peer is not trusted. */
void verify_log_fault(const struct tls_session *t);

/* ---- server ---- */

struct tls_engine *server_open(const struct tls_server_settings *settings);
const struct tls_facts *server_accept(struct tls_engine *engine, struct stream *s,
                                      const struct tls_server_wish *wish);
struct tls_session *server_accept_begin(struct tls_engine *engine, struct stream *s,
                                        const struct tls_server_wish *wish);
enum tls_progress server_accept_go_on(struct tls_session *t, const struct tls_facts **facts);
/* Sessions that can be resumed. */
void cache_open(struct tls_engine *e);
void tickets_open(struct tls_engine *e);
