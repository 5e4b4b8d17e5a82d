#pragma once
/* tls/client - the client's end: whom to trust, which name to expect, sessions to resume. */
#include "tls/tls.h"

/* What a server's certificate is recognised by: a TLSA record (RFC 6698), or something that is told apart in the same way. */
struct tls_pin {
    const struct tls_pin *next;
    unsigned char usage, selector, matching;
    struct str data;
};

/* A file with certificates and keys that are trusted instead of the authorities. */
struct tls_anchor {
    const struct tls_anchor *next;
    struct str file, pem;
};

struct tls_client_settings {
    struct tls_settings s;
    int verify_depth;       /* authorities above a server's certificate */
    struct tls_store store; /* load NULL: nothing is resumed */
};
/* NULL: TLS is disabled, which has been logged. */
struct tls_engine *tls_client_open(const struct tls_client_settings *settings);

/* What makes a server the right one. */
enum tls_match {
    TLS_MATCH_NOTHING,
    TLS_MATCH_NAMES,   /* trusted, and one of the names */
    TLS_MATCH_DIGESTS, /* of certificate or key */
    TLS_MATCH_PINS,    /* TLSA records; one of the names where a record is of an authority */
};

/* Of one session; all is borrowed for the time of the call. */
struct tls_client_wish {
    struct str peer; /* NAME[ADDRESS]:PORT, for log lines */
    unsigned log;
    struct deadline until; /* of the handshake */
    int64_t end_ms;        /* as in struct tls_server_wish */
    struct str protocols, ciphers, exclude_ciphers;
    struct str servername; /* to be sent; absent: none */
    enum tls_match match;
    struct str names;   /* blanks between; `.x`: any name below x */
    struct str digests; /* hexadecimal and well formed, blanks between */
    const struct tls_pin *pins;
    const struct tls_anchor *anchors; /* NULL: the authorities of main.cf */
    bool
        may_fall_back; /* no pin can be used: the server is taken as it is (`unusable` of the facts) */
    bool only_trusted;  /* a match is called Trusted, not Verified */
    struct str failure; /* why there is no match, whatever the certificate says; absent: nothing */
    struct str
        session;     /* what a session to be resumed is filed under; absent: nothing is resumed */
    struct str helo; /* our name: sessions are not shared across it */
    bool show_chain; /* have the server's certificates in the facts */
};
/* Shake hands as the client.  On success the stream's operations are TLS; whether the server is the right one is said by
 * `matched`.  NULL: it failed, which has been logged, and the stream is of no use any more. */
const struct tls_facts *tls_connect(struct tls_engine *engine, struct stream *s,
                                    const struct tls_client_wish *wish);
