/* Keys of session tickets. */
#include "base/base64.h"
#include "client/tlsmgr.h"
#include "client/tlsmgr_side.h"

#include <time.h>

/* The one that issues, and the one that did before. */
static struct tls_ticket_key known[2];

static bool take_bytes(struct str text, unsigned char *out, size_t size)
{
    BUF_AUTO(bytes, 64);

    if (!base64_decode(&bytes, text) || bytes.len != size)
        return false;
    memcpy(out, bytes.ptr, size);
    return true;
}

static bool ask_key(struct str name, struct tls_ticket_key *key)
{
    struct tlsmgr_ask question = { .name = name };
    struct tls_ticket_key found;
    struct tlsmgr_key answer;
    struct str body;
    BUF_AUTO(text, 0);

    tlsmgr_ask_encode(&text, &question);
    if (!tlsmgr_ask(TLSMGR_KEY, buf_str(&text), &body) || !tlsmgr_key_decode(&body, &answer) ||
        !take_bytes(answer.name, found.name, sizeof found.name) ||
        !take_bytes(answer.cipher, found.cipher, sizeof found.cipher) ||
        !take_bytes(answer.mac, found.mac, sizeof found.mac))
        return false;
    found.issues_until = answer.issues_until;
    found.opens_until = answer.opens_until;
    *key = found;
    return true;
}

static bool find_known(const unsigned char *name, struct tls_ticket_key *key)
{
    int64_t now = time(NULL);

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        bool fits = name ? memcmp(name, known[i].name, sizeof known[i].name) == 0 &&
                               now <= known[i].opens_until
                         : now < known[i].issues_until;
        if (fits) {
            *key = known[i];
            return true;
        }
    }
    return false;
}

static void remember(const struct tls_ticket_key *key)
{
    if (memcmp(key->name, known[0].name, sizeof key->name) == 0)
        return;
    known[1] = known[0];
    known[0] = *key;
}

static bool find_key(void *context, const unsigned char *name, struct tls_ticket_key *key)
{
    BUF_AUTO(text, 64);

    (void)context;
    if (find_known(name, key))
        return true;
    if (name)
        base64_encode(&text, (struct str){ (const char *)name, sizeof key->name });
    if (!ask_key(buf_str(&text), key))
        return false;
    remember(key);
    return true;
}

struct tls_ticket_keys tlsmgr_ticket_keys(void)
{
    return (struct tls_ticket_keys){ find_key, NULL };
}
