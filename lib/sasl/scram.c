/* SCRAM (RFC 5802, RFC 7677), without channel binding. */
#include "base/attr.h"
#include "base/base64.h"
#include "base/number.h"
#include "sasl/client_mechanism.h"

#include <string.h>

/* A server may make guessing expensive, but not our queue stand still. */
#define ROUNDS_MAX 5000000
#define HEADER     STR("n,,")
#define HEADER_B64 STR("biws")

static size_t hash_size(const struct sasl_client *c)
{
    return c->mechanism->hash == DIGEST_SHA1 ? 20 : 32;
}

static void put_name(struct buf *out, struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == ',')
            buf_add(out, STR("=2C"));
        else if (name.ptr[i] == '=')
            buf_add(out, STR("=3D"));
        else
            buf_addc(out, name.ptr[i]);
    }
}

void sasl_scram_first(struct sasl_client *c, struct buf *response)
{
    buf_add(&c->said, STR("n="));
    put_name(&c->said, c->credentials->user);
    buf_join(&c->said, STR(",r="), c->credentials->nonce);
    buf_join(response, HEADER, buf_str(&c->said));
}

struct offer {
    struct str nonce;
    struct buf salt;
    int64_t rounds;
};

/* "r=nonce,s=salt,i=rounds" and extensions that nobody has to know; "m=" would be one that we must. */
static bool parse_offer(const struct sasl_client *c, struct str text, struct offer *o)
{
    struct str nonce = str_cut(&text, ','), salt = str_cut(&text, ','),
               rounds = str_cut(&text, ',');

    if (!str_skip_prefix(&nonce, STR("r=")) || !str_skip_prefix(&salt, STR("s=")) ||
        !str_skip_prefix(&rounds, STR("i=")))
        return false;
    o->nonce = nonce;
    return str_starts(nonce, c->credentials->nonce) && nonce.len > c->credentials->nonce.len &&
           base64_decode(&o->salt, salt) && o->salt.len > 0 &&
           number_parse_range(rounds, 1, ROUNDS_MAX, &o->rounds);
}

static struct str bytes_of(const unsigned char *raw, size_t len)
{
    return (struct str){ (const char *)raw, len };
}

/* Our proof, and the signature that the server will have to show. */
static bool sign(struct sasl_client *c, const struct offer *o, unsigned char *proof)
{
    const struct digests *d = c->credentials->digests;
    enum digest_hash hash = c->mechanism->hash;
    size_t size = hash_size(c);
    unsigned char salted[DIGEST_MAX], client[DIGEST_MAX], stored[DIGEST_MAX];
    unsigned char server[DIGEST_MAX];
    struct str said = buf_str(&c->said);

    if (c->said.full ||
        !d->derive(hash, c->credentials->password, buf_str(&o->salt), (int)o->rounds, salted) ||
        !d->hmac(hash, bytes_of(salted, size), STR("Client Key"), client) ||
        !d->hash(hash, bytes_of(client, size), stored) ||
        !d->hmac(hash, bytes_of(stored, size), said, proof) ||
        !d->hmac(hash, bytes_of(salted, size), STR("Server Key"), server) ||
        !d->hmac(hash, bytes_of(server, size), said, c->signature))
        return false;
    for (size_t i = 0; i < size; i++)
        proof[i] ^= client[i];
    return true;
}

static bool answer_offer(struct sasl_client *c, struct str challenge, struct buf *response)
{
    struct offer o = { .salt = BUF_INIT(SASL_TEXT_MAX) };
    unsigned char proof[DIGEST_MAX];
    bool good = parse_offer(c, challenge, &o);

    if (good) {
        buf_join(response, STR("c="), HEADER_B64, STR(",r="), o.nonce);
        buf_join(&c->said, STR(","), challenge, STR(","), buf_str(response));
        good = sign(c, &o, proof);
    }
    if (good) {
        buf_add(response, STR(",p="));
        base64_encode(response, bytes_of(proof, hash_size(c)));
    }
    buf_free(&o.salt);
    return good;
}

/* An `e=` is followed by a refusal, as a wrong signature should be. */
static bool check_server(struct sasl_client *c, struct str challenge)
{
    struct str text = str_cut(&challenge, ',');
    BUF_AUTO(signature, SASL_TEXT_MAX);

    if (!str_skip_prefix(&text, STR("v=")))
        return str_starts(text, STR("e="));
    c->proved = base64_decode(&signature, text) &&
                str_equal(buf_str(&signature), bytes_of(c->signature, hash_size(c)));
    return c->proved;
}

bool sasl_scram_respond(struct sasl_client *c, struct str challenge, struct buf *response)
{
    switch (c->step) {
    case 1:
        return answer_offer(c, challenge, response);
    case 2:
        return check_server(c, challenge);
    default:
        return false;
    }
}
