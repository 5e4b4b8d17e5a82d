#include "client/fetch.h"

#include "ipc/channel.h"
#include "ipc/messages/fetch.h"

#include <errno.h>
#include <string.h>

#define PATIENCE_S 10 /* more than the request itself has */

void fetched_free(struct fetched *f)
{
    buf_free(&f->type);
    buf_free(&f->content);
    buf_free(&f->why);
}

static bool ask(struct channel *c, const struct fetch_request *request, struct fetch_answer *answer)
{
    struct str body;
    char kind;

    fetch_request_encode(channel_begin(c, FETCH_REQUEST), request);
    return channel_end(c) && channel_receive(c, &kind, &body) == IO_OK && kind == FETCH_ANSWER &&
           fetch_answer_decode(&body, answer);
}

void fetch(struct str url, struct str form, int wait_s, struct fetched *out)
{
    struct fetch_request request = { .url = url, .form = form, .wait_s = wait_s };
    struct fetch_answer answer;
    struct channel c = CHANNEL_NONE;

    if (!channel_open(&c, "private", STR("webfetch"), wait_s + PATIENCE_S)) {
        buf_addf(&out->why, "private/webfetch: %s", strerror(errno));
        return;
    }
    if (ask(&c, &request, &answer)) {
        out->status = answer.status;
        out->untrusted = answer.untrusted;
        buf_add(&out->type, answer.type);
        buf_add(&out->content, answer.content);
        buf_add(&out->why, answer.why);
    } else {
        buf_add(&out->why, STR("private/webfetch does not answer"));
    }
    channel_close(&c);
}

void fetch_add_quoted(struct buf *form, struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (char_is_alnum(c) || str_has(STR("-._~"), c))
            buf_addc(form, c);
        else
            buf_addf(form, "%%%02X", (unsigned char)c);
    }
}
