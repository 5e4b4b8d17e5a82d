#pragma once
/* tls/client_side - inside the module: the files of the client's end. */
#include "tls/client.h"
#include "tls/engine.h"

struct client_side {
    const struct tls_client_wish *wish; /* NULL once the handshake is over */
    struct str id;                      /* of the session in the store; absent: it is not kept */
    bool kept;                          /* one session of this connection is in the store */
};

struct tls_engine *client_open(const struct tls_client_settings *settings);
const struct tls_facts *client_connect(struct tls_engine *e, struct stream *s,
                                       const struct tls_client_wish *wish);

/* ---- pins: what a certificate is recognised by ---- */

/* The digests that records may have.  False, logged. */
NODISCARD bool pins_open(struct tls_engine *e);
/* Digests, anchors and records of the wish.  False, logged: no handshake.  That none of them is usable is not that: the
 * facts say so, and there is no match. */
NODISCARD bool pins_apply(struct tls_session *t);
/* It was an authority that was recognised: the certificate must also have the name. */
bool pins_name(const struct tls_session *t);
void pins_log_match(const struct tls_session *t);

/* ---- certificates to be shown ---- */

/* What the server has sent, with what led from there to a trust anchor.  NULL: nothing. */
const struct tls_certificate *chain_seen(struct tls_session *t);

/* ---- names ---- */

/* X509_V_OK, or what X509 calls a mismatch. */
int match_names(struct tls_session *t, struct str names);

/* ---- sessions that are resumed ---- */

void resume_open(struct tls_engine *e);
/* Try to go on with the session that the store has.  False: out of memory. */
NODISCARD bool resume_apply(struct tls_session *t);
/* It is of no use any more, if it ever was. */
void resume_forget(struct tls_session *t);
