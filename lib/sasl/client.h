#pragma once
/* sasl/client - the client's half of the mechanisms that mail servers offer, without sockets.  Pure.
 *
 *     m = sasl_client_choose("PLAIN SCRAM-SHA-256", policy, false)
 *     sasl_client_init(&c, m, &credentials)
 *     sasl_client_first(&c, &response)       false: there is none, the server begins
 *     sasl_client_respond(&c, challenge, &response)     for each challenge
 *     sasl_client_is_content(&c)             when the server has said yes: has it proved what it must?
 *
 * Bytes here are those that base64 stands for on the wire. */
#include "base/buf.h"
#include "base/digest.h"
#include "sasl/properties.h"

/* Borrowed as long as the exchange. */
struct sasl_credentials {
    struct str user, password; /* or an access token, for the mechanisms that take one */
    struct str authzid;        /* whom to act for; empty: the user */
    struct str host;           /* the server, as OAUTHBEARER tells it */
    int port;
    struct str nonce;              /* letters and digits that nobody can guess */
    const struct digests *digests; /* NULL: only mechanisms that need none */
};

struct sasl_client_mechanism;
/* The best one of a list, separated by blanks, that `policy` allows and we know; NULL: none.  Mechanisms that take an access token are
 * chosen only when `token`, and then before all others. */
const struct sasl_client_mechanism *sasl_client_choose(struct str offered,
                                                       struct sasl_policy policy, bool token);
bool sasl_client_takes_token(const struct sasl_client_mechanism *m);
struct str sasl_client_name(const struct sasl_client_mechanism *m);

#define SASL_TEXT_MAX 8192UL /* of one response */

struct sasl_client {
    const struct sasl_client_mechanism *mechanism;
    const struct sasl_credentials *credentials;
    int step; /* responses so far */
    bool proved;
    struct buf said;                     /* SCRAM: what the signatures are made of */
    unsigned char signature[DIGEST_MAX]; /* SCRAM: the server's, as it should be */
};

void sasl_client_init(struct sasl_client *c, const struct sasl_client_mechanism *m,
                      const struct sasl_credentials *credentials);
void sasl_client_fini(struct sasl_client *c);
bool sasl_client_first(struct sasl_client *c, struct buf *response);
/* False: this is no challenge of the mechanism, or what is needed to answer it is missing. */
NODISCARD bool sasl_client_respond(struct sasl_client *c, struct str challenge,
                                   struct buf *response);
bool sasl_client_is_content(const struct sasl_client *c);
