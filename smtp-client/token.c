#include "smtp-client/token.h"

#include "os/fd.h"

#include <errno.h>
#include <string.h>

#define FILE_MAX 65536UL

/* What a bearer token is made of (RFC 6750); so it cannot end the response that it stands in. */
static bool is_token(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!char_is_alnum(text.ptr[i]) && !str_has(STR("-._~+/=:|"), text.ptr[i]))
            return false;
    return text.len > 0;
}

/* The string behind "name":, without escapes, which no token has. */
static struct str json_string(struct str text, struct str quoted_name)
{
    size_t at = str_find_str(text, quoted_name);

    if (at == STR_NOT_FOUND)
        return STR_NONE;
    text = str_trim(str_skip(text, at + quoted_name.len));
    if (!str_skip_prefix(&text, STR(":")))
        return STR_NONE;
    text = str_trim(text);
    return str_skip_prefix(&text, STR("\"")) && str_has(text, '"') ? str_cut(&text, '"') : STR_NONE;
}

struct str token_parse(struct str text)
{
    text = str_trim(text);
    struct str token =
        str_starts(text, STR("{")) ? json_string(text, STR("\"access_token\"")) : text;

    return is_token(token) ? token : STR_NONE;
}

bool token_find(struct str password, struct buf *token, struct buf *why)
{
    char path[256];
    BUF_AUTO(text, FILE_MAX);

    if (!str_starts(password, STR("/"))) {
        buf_add(token, token_parse(password));
        buf_add_cstr(why, token->len ? "" : "the password is no access token");
        return token->len > 0;
    }
    if (!str_to_cstring(password, path, sizeof path) || !fd_read_plain_file(path, &text)) {
        buf_join(why, STR("access token "), password, STR(": "), str_from(strerror(errno)));
        return false;
    }
    buf_add(token, token_parse(buf_str(&text)));
    if (token->len == 0)
        buf_join(why, STR("access token "), password, STR(": the file holds none"));
    return token->len > 0;
}
