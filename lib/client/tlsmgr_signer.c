/* Private keys that tlsmgr holds for this process. */
#include "base/base64.h"
#include "base/log.h"
#include "base/mem.h"
#include "client/tlsmgr.h"
#include "client/tlsmgr_side.h"
#include "os/fd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static bool uses_names;
static bool lacks_keys; /* a clone could not hand over what its template had */

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
    return tlsmgr_connect() && channel_frame(&frame, TLSMGR_KEEP, buf_str(&body)) &&
           fd_send_with(tlsmgr_side.channel.link.stream.fd, buf_str(&frame), fd, 0) ==
               (ssize_t)frame.len;
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

    if (send_descriptor(fd) && channel_receive(&tlsmgr_side.channel, &kind, &answer) == IO_OK &&
        kind == TLSMGR_ANSWER(TLSMGR_KEEP)) {
        tlsmgr_side.holds_keys = true;
        return take_text(answer, text);
    }
    tlsmgr_hang_up();
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

void tlsmgr_hand_over_again(void)
{
    if (uses_names) {
        tlsmgr_side.holds_keys = tlsmgr_connect();
        lacks_keys |= !tlsmgr_side.holds_keys;
    }
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
    return tlsmgr_side.holds_keys && tlsmgr_exchange(TLSMGR_SIGN, buf_str(&body), &answer) &&
           take_text(answer, result);
}

static bool ask_name(struct str maps, struct str name, struct tlsmgr_chain *found)
{
    struct tlsmgr_name question = { .maps = maps, .name = name };
    struct str answer;
    BUF_AUTO(body, 0);

    tlsmgr_name_encode(&body, &question);
    return tlsmgr_exchange(TLSMGR_NAME, buf_str(&body), &answer) &&
           tlsmgr_chain_decode(&answer, found);
}

static enum tls_chain find_chain(void *context, struct str name, struct buf *pem)
{
    const struct str *maps = context;
    struct tlsmgr_chain found;

    if (ask_name(*maps, name, &found) && base64_decode(pem, found.text))
        return (enum tls_chain)found.result;
    log_warning("tls_server_sni_maps: tlsmgr cannot be asked for the key of " STR_FMT,
                STR_ARG(name));
    return TLS_CHAIN_ERROR;
}

bool tlsmgr_finds_names(struct str maps, struct tls_server_names *names)
{
    struct tlsmgr_chain known;

    if (!ask_name(maps, STR(""), &known) || known.result == TLS_CHAIN_ERROR)
        return false;
    struct str *kept = mem_alloc(sizeof *kept); /* as long as the process */
    *kept = maps;
    *names = (struct tls_server_names){ find_chain, kept };
    uses_names = tlsmgr_side.holds_keys = true;
    return true;
}

struct tls_signer tlsmgr_signer(void) { return (struct tls_signer){ hand_over, act, NULL }; }

bool tlsmgr_has_lost_keys(void)
{
    if (tlsmgr_side.holds_keys && !stream_is_quiet(&tlsmgr_side.channel.link.stream, 0))
        tlsmgr_hang_up(); /* it says nothing unasked: that was the end */
    return tlsmgr_side.lost_keys;
}

bool tlsmgr_lacks_keys(void) { return tlsmgr_has_lost_keys() || lacks_keys; }
