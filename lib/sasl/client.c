#include "base/attr.h"
#include "sasl/client_mechanism.h"

/* ---- PLAIN (RFC 4616) and LOGIN ---- */

static void plain_first(struct sasl_client *c, struct buf *response)
{
    const struct sasl_credentials *who = c->credentials;
    struct str nul = { "\0", 1 };

    buf_join(response, who->authzid, nul, who->user, nul, who->password);
}

/* The whole answer is in the first response. */
static bool no_more(struct sasl_client *c, struct str challenge, struct buf *response)
{
    (void)c;
    (void)challenge;
    (void)response;
    return false;
}

/* What the server asks with has never been the same; the order has. */
static bool login_respond(struct sasl_client *c, struct str challenge, struct buf *response)
{
    (void)challenge;
    if (c->step > 1)
        return false;
    buf_add(response, c->step == 0 ? c->credentials->user : c->credentials->password);
    return true;
}

/* ---- CRAM-MD5 (RFC 2195) ---- */

static bool cram_respond(struct sasl_client *c, struct str challenge, struct buf *response)
{
    static const char digits[] = "0123456789abcdef";
    const struct sasl_credentials *who = c->credentials;
    unsigned char digest[DIGEST_MAX];

    if (c->step > 0 || !who->digests->hmac(DIGEST_MD5, who->password, challenge, digest))
        return false;
    buf_join(response, who->user, STR(" "));
    for (int i = 0; i < 16; i++) {
        buf_addc(response, digits[digest[i] >> 4]);
        buf_addc(response, digits[digest[i] & 15]);
    }
    return true;
}

/* ---- access tokens: XOAUTH2, and OAUTHBEARER (RFC 7628) ---- */

static void xoauth2_first(struct sasl_client *c, struct buf *response)
{
    buf_join(response, STR("user="), c->credentials->user, STR("\001auth=Bearer "),
             c->credentials->password, STR("\001\001"));
}

/* The challenge says why the token is refused; the refusal itself comes behind our answer. */
static bool xoauth2_respond(struct sasl_client *c, struct str challenge, struct buf *response)
{
    (void)challenge;
    (void)response;
    return c->step == 1;
}

static void bearer_first(struct sasl_client *c, struct buf *response)
{
    const struct sasl_credentials *who = c->credentials;

    buf_join(response, STR("n,a="), who->user, STR(",\001host="), who->host, STR("\001port="));
    buf_add_int(response, who->port);
    buf_join(response, STR("\001auth=Bearer "), who->password, STR("\001\001"));
}

static bool bearer_respond(struct sasl_client *c, struct str challenge, struct buf *response)
{
    (void)challenge;
    buf_addc(response, '\001');
    return c->step == 1;
}

/* ---- the best first ---- */

static const struct sasl_client_mechanism mechanisms[] = {
    { .name = STR("OAUTHBEARER"),
      .properties = SASL_PLAINTEXT,
      .takes_token = true,
      .first = bearer_first,
      .respond = bearer_respond },
    { .name = STR("XOAUTH2"),
      .properties = SASL_PLAINTEXT,
      .takes_token = true,
      .first = xoauth2_first,
      .respond = xoauth2_respond },
    { .name = STR("SCRAM-SHA-256"),
      .properties = SASL_DICTIONARY | SASL_MUTUAL_AUTH,
      .proves_server = true,
      .needs_digests = true,
      .hash = DIGEST_SHA256,
      .first = sasl_scram_first,
      .respond = sasl_scram_respond },
    { .name = STR("SCRAM-SHA-1"),
      .properties = SASL_DICTIONARY | SASL_MUTUAL_AUTH,
      .proves_server = true,
      .needs_digests = true,
      .hash = DIGEST_SHA1,
      .first = sasl_scram_first,
      .respond = sasl_scram_respond },
    { .name = STR("CRAM-MD5"),
      .properties = SASL_DICTIONARY | SASL_ACTIVE,
      .needs_digests = true,
      .respond = cram_respond },
    { .name = STR("PLAIN"),
      .properties = SASL_PLAINTEXT,
      .first = plain_first,
      .respond = no_more },
    { .name = STR("LOGIN"), .properties = SASL_PLAINTEXT, .respond = login_respond },
};

const struct sasl_client_mechanism *sasl_client_choose(struct str offered,
                                                       struct sasl_policy policy, bool token)
{
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        const struct sasl_client_mechanism *m = &mechanisms[i];
        if ((token || !m->takes_token) && sasl_policy_allows(policy, m->properties) &&
            str_has_word(offered, m->name))
            return m;
    }
    return NULL;
}

bool sasl_client_takes_token(const struct sasl_client_mechanism *m) { return m->takes_token; }

struct str sasl_client_name(const struct sasl_client_mechanism *m) { return m->name; }

void sasl_client_init(struct sasl_client *c, const struct sasl_client_mechanism *m,
                      const struct sasl_credentials *credentials)
{
    *c = (struct sasl_client){ .mechanism = m,
                               .credentials = credentials,
                               .said = BUF_INIT(3 * SASL_TEXT_MAX) };
}

void sasl_client_fini(struct sasl_client *c) { buf_free(&c->said); }

bool sasl_client_first(struct sasl_client *c, struct buf *response)
{
    if (c->mechanism->first == NULL)
        return false;
    c->mechanism->first(c, response);
    c->step++;
    return true;
}

bool sasl_client_respond(struct sasl_client *c, struct str challenge, struct buf *response)
{
    bool lacks = c->mechanism->needs_digests && c->credentials->digests == NULL;

    if (lacks || challenge.len > SASL_TEXT_MAX || !c->mechanism->respond(c, challenge, response) ||
        response->full)
        return false;
    c->step++;
    return true;
}

bool sasl_client_is_content(const struct sasl_client *c)
{
    return c->proved || !c->mechanism->proves_server;
}
