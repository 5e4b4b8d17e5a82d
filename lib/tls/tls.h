#pragma once
/* tls/tls - TLS as a way to read and write a stream (os/stream.h), both ends.
 *
 * OpenSSL is not part of any program: it sits in a module of ours, relevo-tls.so, that is loaded when the first engine is
 * opened.  A process that never opens one pays nothing for TLS.
 *
 *   engine   keys, certificates, authorities: opened once, before the jail, as root; read only afterwards
 *   session  a stream whose operations are TLS, from a handshake that succeeded to stream_close()
 *
 * Everything that goes wrong is logged here, in the words that log parsers know; callers only learn that it did. */
#include "base/arena.h"
#include "base/digest.h"
#include "conf/params.h"
#include "os/stream.h"
#include "tls/keys.h"

/* What a session, or an engine, says in the log: the words of *_tls_loglevel. */
enum tls_log {
    TLS_LOG_SUMMARY = 1 << 0,
    TLS_LOG_VERBOSE = 1 << 1,
    TLS_LOG_CACHE = 1 << 2,
    TLS_LOG_DEBUG = 1 << 3,
    TLS_LOG_UNTRUSTED = 1 << 4,
    TLS_LOG_PEERCERT = 1 << 5,
    TLS_LOG_CERTMATCH = 1 << 6,
    TLS_LOG_DANE = 1 << 7,
    TLS_LOG_HANDSHAKE_DUMP = 1 << 8,
    TLS_LOG_SESSION_DUMP = 1 << 9,
};
/* The bits that such a text stands for; `parameter` is for the complaint about a word that is none: no bits. */
unsigned tls_log_parse(const char *parameter, struct str text);

/* *_tls_security_level of a server. */
enum tls_server_level { TLS_SERVER_NONE, TLS_SERVER_MAY, TLS_SERVER_ENCRYPT };
/* An empty text leaves it to the old parameters.  Ends the process when it is no level. */
enum tls_server_level tls_server_level_parse(struct str name, bool use, bool enforce);

/* ---- engines ---- */

/* The texts of main.cf that both ends have, as they are there; they outlive the engine. */
struct tls_settings {
    const char
        *prefix;  /* "smtpd": parameters are called smtpd_tls_..., and so is the session cache */
    unsigned log; /* of what happens while the engine is opened */
    struct str chain_files, cert_file, key_file, dcert_file, dkey_file, eccert_file, eckey_file;
    struct str ca_file, ca_path, fingerprint_digest;
    struct tls_signer signer;        /* hand_over NULL: keys are read into this process */
    const struct tls_params *common; /* tls_conf */
};
/* `set` is a set of parameters: TLS_SETTINGS(smtpd, smtpd_tls_conf).  The log classes are not in it. */
#define TLS_SETTINGS(name, set)                                    \
    ((struct tls_settings){                                        \
        .prefix = #name,                                           \
        .chain_files = (set).name##_tls_chain_files,               \
        .cert_file = (set).name##_tls_cert_file,                   \
        .key_file = (set).name##_tls_key_file,                     \
        .dcert_file = (set).name##_tls_dcert_file,                 \
        .dkey_file = (set).name##_tls_dkey_file,                   \
        .eccert_file = (set).name##_tls_eccert_file,               \
        .eckey_file = (set).name##_tls_eckey_file,                 \
        .ca_file = (set).name##_tls_CAfile,                        \
        .ca_path = (set).name##_tls_CApath,                        \
        .fingerprint_digest = (set).name##_tls_fingerprint_digest, \
        .common = &tls_conf,                                       \
    })

/* What of a session is kept outside of the process: tlsmgr's part (client/tlsmgr.h).  An id is text. */
struct tls_store {
    bool (*load)(void *context, struct str id, struct buf *session);
    void (*save)(void *context, struct str id, struct str session);
    void (*remove)(void *context, struct str id);
    void *context;
    const char *name; /* for the log; NULL: the engine's prefix */
};

/* A key that session tickets are made with. */
struct tls_ticket_key {
    unsigned char name[16], cipher[32], mac[32];
    int64_t issues_until, opens_until; /* seconds of the wall clock */
};
struct tls_ticket_keys {
    /* The key of that name; NULL: the one to issue tickets with.  False: there is none. */
    bool (*find)(void *context, const unsigned char *name, struct tls_ticket_key *key);
    void *context;
};

enum tls_chain { TLS_CHAIN_FOUND, TLS_CHAIN_NONE, TLS_CHAIN_ERROR };
struct tls_server_names {
    /* Key and certificates (PEM) for the name that a client asked for.  TLS_CHAIN_ERROR has been logged: the handshake
     * fails. */
    enum tls_chain (*find)(void *context, struct str name, struct buf *pem);
    void *context;
};

enum tls_ask { TLS_ASK_NOTHING, TLS_ASK_CERTIFICATE, TLS_REQUIRE_CERTIFICATE };

struct tls_server_settings {
    struct tls_settings s;
    struct str protocols, ciphers, exclude_ciphers; /* those of the level: mandatory or not */
    struct str mandatory_exclude_ciphers;           /* besides; empty where TLS is optional */
    struct str dh_file;                             /* smtpd_tls_dh1024_param_file */
    struct str service;     /* name in master.cf: sessions and tickets are good for this service */
    enum tls_ask ask;       /* for a client's certificate */
    int verify_depth;       /* authorities above it */
    int session_lifetime;   /* seconds; 0: no session can be resumed */
    bool always_ids;        /* smtpd_tls_always_issue_session_ids */
    struct tls_store store; /* load NULL: no cache */
    struct tls_ticket_keys ticket_keys; /* find NULL: no tickets */
    struct tls_server_names names;      /* find NULL: names are not looked at */
};

/* The files that an engine is made of, and `more` (a list of paths), to learn when they change. */
struct watch;
void tls_watch_files(const struct tls_settings *settings, struct str more, struct watch *w);
/* Does it name a certificate, or that there is none? */
bool tls_has_certificate(const struct tls_settings *settings);

struct tls_engine;
/* NULL: TLS is disabled, which has been logged. */
struct tls_engine *tls_server_open(const struct tls_server_settings *settings);

/* ---- sessions ---- */

/* What is wrong with a server's certificate. */
enum tls_fault {
    TLS_FAULT_NONE,
    TLS_FAULT_EXPIRED,
    TLS_FAULT_UNTRUSTED, /* by policy */
    TLS_FAULT_NAME,      /* nothing but the name */
    TLS_FAULT_OTHER,
};

/* One of the certificates that a peer has sent, for who wants to see them. */
struct tls_certificate {
    const struct tls_certificate *next; /* its issuer, most often */
    struct str subject, issuer;         /* "/C=ES/CN=x" */
    struct str fingerprint, key_fingerprint;
    struct str pem;
};

/* How the two ends came together and who the peer is.  Texts are printable, absent where there is nothing to say, and
 * live as long as the session. */
struct tls_facts {
    struct str protocol, cipher; /* "TLSv1.3", "TLS_AES_256_GCM_SHA384" */
    int bits, algorithm_bits;
    /* TLS 1.3 only; signatures in full handshakes only: "x25519", "RSA-PSS (2048 bits)", "SHA256" */
    struct str key_exchange, server_signature, server_digest, client_signature, client_digest;
    struct str sni;                          /* the server name that was asked for */
    struct str peer_name, issuer_name;       /* common names */
    struct str fingerprint, key_fingerprint; /* "AB:CD:..." */
    bool has_certificate;                    /* the peer's */
    bool trusted;                            /* it leads to an authority that we trust */
    bool matched;                            /* client: and to whom we want to speak */
    bool resumed;
    /* Client: */
    bool unusable; /* nothing that the wish names could be used to recognise the server */
    enum tls_fault fault;
    struct str fault_text;
    const struct tls_certificate *chain; /* if the wish asks for it; the peer's own comes first */
};
/* `PROTO with cipher C (B/B bits) key-exchange ...`, as log lines have it. */
void tls_format_facts(const struct tls_facts *facts, struct buf *out);

struct tls_server_wish {
    struct str peer; /* NAME[ADDRESS], for log lines */
    unsigned log;
    struct str early;      /* what has been read of the client's hello, from the stream as it was */
    struct deadline until; /* of the handshake */
    int64_t end_ms;        /* how long the last words may take (tls_fast_shutdown_enable = no) */
};
/* Shake hands as the server.  On success the stream's operations are TLS until it is closed or released.  NULL: it failed,
 * which has been logged, and the stream is of no use any more. */
const struct tls_facts *tls_accept(struct tls_engine *engine, struct stream *s,
                                   const struct tls_server_wish *wish);

/* The same without waiting, for who serves many: begin, and go on until it is over. */
struct tls_session;
enum tls_progress {
    TLS_WAITS, /* for `wants` of the stream */
    TLS_DONE,
    TLS_FAILED, /* it was logged, and the session is gone */
};
/* NULL: it failed, likewise. */
struct tls_session *tls_accept_begin(struct tls_engine *engine, struct stream *s,
                                     const struct tls_server_wish *wish);
/* `facts` are those of a session that is done. */
NODISCARD enum tls_progress tls_accept_go_on(struct tls_session *t, const struct tls_facts **facts);
/* Nobody waits for it any more. */
void tls_accept_abandon(struct tls_session *t);

/* Before the jail: hashes, for who needs some without TLS.  NULL: there is no module, which has been logged. */
const struct digests *tls_digests(void);
