#include "smtp-client/token.h"

#include "client/token.h"
#include "os/fd.h"
#include "sasl/token.h"
#include "text/json.h"

#include <errno.h>
#include <string.h>

#define FILE_MAX 65536UL

struct str token_parse(struct str text, struct arena *a)
{
    text = str_trim(text);
    struct str token =
        str_starts(text, STR("{")) ? json_find(text, STR("access_token"), JSON_STRING, a) : text;

    return token_is_valid(token) ? token : STR_NONE;
}

/* ---- where it comes from ---- */

static bool take(struct str text, struct str source, struct buf *token, struct buf *why)
{
    ARENA_AUTO(arena);

    buf_add(token, token_parse(text, &arena));
    if (token->len == 0)
        buf_add(why, source);
    return token->len > 0;
}

static bool read_file(struct str name, struct buf *token, struct buf *why)
{
    char path[256];
    BUF_AUTO(text, FILE_MAX);
    BUF_AUTO(nothing, 0);

    if (!str_to_cstring(name, path, sizeof path) || !fd_read_plain_file(path, &text)) {
        buf_join(why, STR("access token "), name, STR(": "), str_from(strerror(errno)));
        return false;
    }
    buf_join(&nothing, STR("access token "), name, STR(": the file holds none"));
    return take(buf_str(&text), buf_str(&nothing), token, why);
}

static bool ask_service(struct str account, struct buf *token, struct buf *why)
{
    buf_join(why, STR("access token "), account, STR(": "));
    if (!token_ask(account, token, why))
        return false;
    buf_clear(why);
    return true;
}

bool token_find(struct str password, struct buf *token, struct buf *why)
{
    if (str_skip_prefix(&password, STR("oauth:")))
        return ask_service(password, token, why);
    if (str_starts(password, STR("/")))
        return read_file(password, token, why);
    return take(password, STR("the password is no access token"), token, why);
}
