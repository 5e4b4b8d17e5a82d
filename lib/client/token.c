#include "client/token.h"

#include "ipc/channel.h"
#include "ipc/messages/token.h"

#include <errno.h>
#include <string.h>

#define TIMEOUT_S 120 /* it may have to ask the token server, and serve others before */

static bool ask(struct channel *c, struct str account, struct buf *token, struct buf *why)
{
    struct token_answer answer;
    struct str body;
    char kind;

    token_question_encode(channel_begin(c, TOKEN_QUESTION), &(struct token_question){ account });
    if (!channel_end(c) || channel_receive(c, &kind, &body) != IO_OK || kind != TOKEN_ANSWER ||
        !token_answer_decode(&body, &answer)) {
        buf_add(why, STR("private/tokenmgr does not answer"));
        return false;
    }
    buf_add(token, answer.token);
    buf_add(why, answer.why);
    return token->len > 0;
}

bool token_ask(struct str account, struct buf *token, struct buf *why)
{
    struct channel c = CHANNEL_NONE;

    if (!channel_open(&c, "private", STR("tokenmgr"), TIMEOUT_S)) {
        buf_addf(why, "private/tokenmgr: %s", strerror(errno));
        return false;
    }
    bool known = ask(&c, account, token, why);
    channel_close(&c);
    return known;
}
