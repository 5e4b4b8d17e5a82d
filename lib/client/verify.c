#include "client/verify.h"

#include "ipc/channel.h"

#define TIMEOUT_S 30

/* One request, one answer, on a connection of its own: probes are rare.  The answer's strings point into `c`. */
static bool ask(struct channel *c, struct str service, char kind, struct str body,
                struct verify_answer *answer)
{
    struct str reply;
    char reply_kind;

    return channel_open(c, "private", service, TIMEOUT_S) && channel_send(c, kind, body) &&
           channel_receive(c, &reply_kind, &reply) == IO_OK && reply_kind == VERIFY_ANSWER &&
           verify_answer_decode(&reply, answer) && answer->result == 0;
}

bool verify_client_update(struct str service, struct str address, enum verify_status status,
                          struct str text)
{
    struct verify_update msg = { .address = address, .status = (int)status, .text = text };
    struct channel c = CHANNEL_NONE;
    struct verify_answer answer;
    BUF_AUTO(body, 0);

    verify_update_encode(&body, &msg);
    bool ok = ask(&c, service, VERIFY_UPDATE, buf_str(&body), &answer);
    channel_close(&c);
    return ok;
}

bool verify_client_query(struct str service, struct str address, enum verify_status *status,
                         struct buf *text)
{
    struct verify_query msg = { .address = address };
    struct channel c = CHANNEL_NONE;
    struct verify_answer answer;
    BUF_AUTO(body, 0);

    verify_query_encode(&body, &msg);
    bool ok = ask(&c, service, VERIFY_QUERY, buf_str(&body), &answer);
    if (ok && answer.status >= VERIFY_OK && answer.status <= VERIFY_TODO) {
        *status = (enum verify_status)answer.status;
        buf_clear(text);
        buf_add(text, answer.text);
    } else {
        ok = false;
    }
    channel_close(&c);
    return ok;
}
