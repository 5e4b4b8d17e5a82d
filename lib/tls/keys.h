#pragma once
/* tls/keys - private keys that another process holds, and uses for who may ask.
 *
 * A process that speaks to strangers never reads its keys: as root it opens the file, and the key service gets the
 * descriptor.  What comes back is the file's text with a stand-in for each key, which has the key's number and its public half.
 * An engine takes stand-ins for keys, and has each signature made by the service.  Keys of RSA (with any padding, or PSS alone), of
 * DSA and of curves (EC, Ed25519, Ed448) can be held so: whatever TLS can sign with. Others stay in the text. */
#include "base/buf.h"
#include "conf/params.h"

enum tls_operation { TLS_SIGN_RSA, TLS_SIGN_DIGEST, TLS_SIGN_TEXT };

/* One use of a key. */
struct tls_task {
    int key;
    enum tls_operation operation;
    int padding; /* RSA: OpenSSL's number for it */
    struct str input;
};

/* How an engine reaches the service.  False: the service cannot be asked, or does not want to. */
struct tls_signer {
    /* `text` becomes that of the file, with stand-ins. */
    bool (*hand_over)(void *context, int fd, struct buf *text);
    bool (*act)(void *context, const struct tls_task *task, struct buf *result);
    void *context;
};

/* ---- the service ---- */

/* Load OpenSSL, before the jail.  False, logged: no keys can be held. */
NODISCARD bool tls_keys_open(const struct tls_params *common);
/* The keys of one client. */
struct tls_keys;
struct tls_keys *tls_keys_new(void);
void tls_keys_free(struct tls_keys *keys);
/* Take the keys out of `pem`; `public` gets the rest and the stand-ins. */
void tls_keys_take(struct tls_keys *keys, struct str pem, struct buf *public);
/* False: there is no such key, or it cannot do that. */
NODISCARD bool tls_keys_act(const struct tls_keys *keys, const struct tls_task *task,
                            struct buf *result);
