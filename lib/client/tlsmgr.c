#include "client/tlsmgr.h"

#include "base/base64.h"
#include "base/log.h"
#include "base/mem.h"
#include "ipc/channel.h"
#include "os/clone.h"
#include "os/fd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A session holds the peer's certificates; what is larger than this is not worth keeping. */
#define SESSION_MAX 65536
#define TIMEOUT_S   10 /* a client of ours waits meanwhile */

static struct channel tlsmgr = CHANNEL_NONE;

static bool holds_keys; /* at the other end of this connection */
static bool lost_keys;
static bool lacks_keys; /* a clone could not hand over what its template had */

static void hang_up(void)
{
    lost_keys |= holds_keys;
    holds_keys = false;
    channel_close(&tlsmgr);
}

static clone_renew_fn renew_connection;

static bool connect_service(void)
{
    static bool renews;

    if (channel_is_open(&tlsmgr))
        return true;
    if (!renews)
        clone_renews(renew_connection, NULL);
    renews = true;
    if (channel_open(&tlsmgr, "private", tls_conf.tlsmgr_service_name, TIMEOUT_S))
        return true;
    log_warning("connect to private/" STR_FMT ": %m", STR_ARG(tls_conf.tlsmgr_service_name));
    return false;
}

static bool exchange(char kind, struct str body, struct str *answer)
{
    char letter;

    if (!connect_service())
        return false;
    if (channel_send(&tlsmgr, kind, body) &&
        (answer
             ? channel_receive(&tlsmgr, &letter, answer) == IO_OK && letter == TLSMGR_ANSWER(kind)
             : channel_flush(&tlsmgr)))
        return true;
    hang_up();
    return false;
}

/* `answer` NULL: there is none; else it lives until the next question.  tlsmgr may have been restarted since we asked last:
 * one more try on a fresh connection. */
static bool ask(char kind, struct str body, struct str *answer)
{
    bool kept = channel_is_open(&tlsmgr);

    return exchange(kind, body, answer) || (kept && exchange(kind, body, answer));
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
    return ask(kind, buf_str(&body), answer);
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
    if (!ask(TLSMGR_POLICY, buf_str(&body), &answer) || !tlsmgr_policy_decode(&answer, &policy))
        return false;
    *lifetime_s = policy.lifetime;
    *store = (struct tls_store){ .load = NULL };
    if (policy.cached && policy.lifetime > 0)
        *store = (struct tls_store){
            .load = load, .save = save, .remove = forget, .context = mem_unconst(cache)
        };
    return true;
}

/* ---- keys of tickets ---- */

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
    if (!ask(TLSMGR_KEY, buf_str(&text), &body) || !tlsmgr_key_decode(&body, &answer) ||
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

/* ---- private keys ---- */

static bool take_text(struct str answer, struct buf *text)
{
    struct tlsmgr_text message;

    return tlsmgr_text_decode(&answer, &message) && message.text.len &&
           base64_decode(text, message.text);
}

/* The frame is small enough to go out in one piece, with the descriptor on its back. */
static bool send_descriptor(int fd)
{
    struct tlsmgr_text nothing = { .text = STR("") };
    BUF_AUTO(body, 0);
    BUF_AUTO(frame, 0);

    tlsmgr_text_encode(&body, &nothing);
    return connect_service() && channel_frame(&frame, TLSMGR_KEEP, buf_str(&body)) &&
           fd_send_with(tlsmgr.link.stream.fd, buf_str(&frame), fd, 0) == (ssize_t)frame.len;
}

/* Until tlsmgr_close_key_files(): clones hand over the same ones, in the same order. */
static struct {
    int *fds;
    size_t count;
} key_files;

static void keep_file(int fd)
{
    if ((fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
        log_fatal("keep the file of a key: %m");
    key_files.fds = mem_resize(key_files.fds, (key_files.count + 1) * sizeof *key_files.fds);
    key_files.fds[key_files.count++] = fd;
}

static bool hand_over_file(int fd, struct buf *text)
{
    struct str answer;
    char kind;

    if (send_descriptor(fd) && channel_receive(&tlsmgr, &kind, &answer) == IO_OK &&
        kind == TLSMGR_ANSWER(TLSMGR_KEEP)) {
        holds_keys = true;
        return take_text(answer, text);
    }
    hang_up();
    return false;
}

static bool hand_over(void *context, int fd, struct buf *text)
{
    (void)context;
    if (!hand_over_file(fd, text))
        return false;
    keep_file(fd);
    return true;
}

/* Nobody else may speak on our connection, and tlsmgr keeps keys for a connection. */
static void renew_connection(void *context)
{
    (void)context;
    holds_keys = false;
    channel_close(&tlsmgr);
    for (size_t i = 0; i < key_files.count && !lacks_keys; i++) {
        BUF_AUTO(text, 0);
        lacks_keys = !hand_over_file(key_files.fds[i], &text);
    }
}

void tlsmgr_close_key_files(void)
{
    for (size_t i = 0; i < key_files.count; i++)
        close(key_files.fds[i]);
    free(key_files.fds);
    key_files.fds = NULL;
    key_files.count = 0;
}

static bool act(void *context, const struct tls_task *task, struct buf *result)
{
    struct tlsmgr_task message = { task->key, (int)task->operation, task->padding, STR("") };
    struct str answer;
    BUF_AUTO(input, 0);
    BUF_AUTO(body, 0);

    (void)context;
    base64_encode(&input, task->input);
    message.input = buf_str(&input);
    tlsmgr_task_encode(&body, &message);
    return holds_keys && exchange(TLSMGR_SIGN, buf_str(&body), &answer) &&
           take_text(answer, result);
}

struct tls_signer tlsmgr_signer(void) { return (struct tls_signer){ hand_over, act, NULL }; }

bool tlsmgr_has_lost_keys(void)
{
    if (holds_keys && !stream_is_quiet(&tlsmgr.link.stream, 0))
        hang_up(); /* it says nothing unasked: that was the end */
    return lost_keys;
}

bool tlsmgr_lacks_keys(void) { return tlsmgr_has_lost_keys() || lacks_keys; }
