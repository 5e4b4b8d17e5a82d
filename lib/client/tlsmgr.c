#include "client/tlsmgr.h"

#include "base/base64.h"
#include "base/log.h"
#include "base/mem.h"
#include "client/tlsmgr_side.h"
#include "os/clone.h"

/* A session holds the peer's certificates; what is larger than this is not worth keeping. */
#define SESSION_MAX 65536
#define TIMEOUT_S   10 /* a client of ours waits meanwhile */

struct tlsmgr_side tlsmgr_side = { .channel = CHANNEL_NONE };

void tlsmgr_hang_up(void)
{
    tlsmgr_side.lost_keys |= tlsmgr_side.holds_keys;
    tlsmgr_side.holds_keys = false;
    channel_close(&tlsmgr_side.channel);
}

/* Nobody else may speak on our connection, and tlsmgr keeps keys for a connection. */
static void renew(void *context)
{
    (void)context;
    tlsmgr_side.holds_keys = false;
    channel_close(&tlsmgr_side.channel);
    tlsmgr_hand_over_again();
}

bool tlsmgr_connect(void)
{
    static bool renews;

    if (channel_is_open(&tlsmgr_side.channel))
        return true;
    if (!renews)
        clone_renews(renew, NULL);
    renews = true;
    if (channel_open(&tlsmgr_side.channel, "private", tls_conf.tlsmgr_service_name, TIMEOUT_S))
        return true;
    log_warning("connect to private/" STR_FMT ": %m", STR_ARG(tls_conf.tlsmgr_service_name));
    return false;
}

bool tlsmgr_exchange(char kind, struct str body, struct str *answer)
{
    char letter;

    if (!tlsmgr_connect())
        return false;
    if (channel_send(&tlsmgr_side.channel, kind, body) &&
        (answer ? channel_receive(&tlsmgr_side.channel, &letter, answer) == IO_OK &&
                      letter == TLSMGR_ANSWER(kind)
                : channel_flush(&tlsmgr_side.channel)))
        return true;
    tlsmgr_hang_up();
    return false;
}

bool tlsmgr_ask(char kind, struct str body, struct str *answer)
{
    for (int tries = 2; tries > 0; tries--)
        if (tlsmgr_exchange(kind, body, answer))
            return true;
    return false;
}

/* ---- sessions ---- */

static bool ask_entry(char kind, const char *cache, struct str id, struct str session,
                      struct str *answer)
{
    struct tlsmgr_entry entry = { .cache = str_from(cache), .id = id };
    BUF_AUTO(encoded, 0);
    BUF_AUTO(body, 0);

    base64_encode(&encoded, session);
    entry.session = buf_str(&encoded);
    tlsmgr_entry_encode(&body, &entry);
    return tlsmgr_ask(kind, buf_str(&body), answer);
}

static bool load(void *context, struct str id, struct buf *session)
{
    struct tlsmgr_entry entry;
    struct str answer;

    return ask_entry(TLSMGR_LOOKUP, context, id, STR(""), &answer) &&
           tlsmgr_entry_decode(&answer, &entry) && entry.session.len &&
           base64_decode(session, entry.session);
}

static void save(void *context, struct str id, struct str session)
{
    if (session.len <= SESSION_MAX && !ask_entry(TLSMGR_UPDATE, context, id, session, NULL))
        log_warning("a TLS session could not be kept: tlsmgr cannot be asked");
}

static void forget(void *context, struct str id)
{
    if (!ask_entry(TLSMGR_DELETE, context, id, STR(""), NULL))
        log_warning("a TLS session could not be forgotten: tlsmgr cannot be asked");
}

bool tlsmgr_open_cache(const char *cache, struct tls_store *store, int *lifetime_s)
{
    struct tlsmgr_ask question = { .name = str_from(cache) };
    struct tlsmgr_policy policy;
    struct str answer;
    BUF_AUTO(body, 0);

    tlsmgr_ask_encode(&body, &question);
    if (!tlsmgr_ask(TLSMGR_POLICY, buf_str(&body), &answer) ||
        !tlsmgr_policy_decode(&answer, &policy))
        return false;
    *lifetime_s = policy.lifetime;
    *store = (struct tls_store){ .load = NULL };
    if (policy.cached && policy.lifetime > 0)
        *store = (struct tls_store){
            .load = load, .save = save, .remove = forget, .context = mem_unconst(cache)
        };
    return true;
}
