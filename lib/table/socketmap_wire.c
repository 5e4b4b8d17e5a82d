#include "table/socketmap_wire.h"

#include "base/netstring.h"

void socketmap_wire_put_request(struct buf *out, struct str map, struct str key)
{
    BUF_AUTO(request, 0);

    buf_join(&request, map, STR(" "), key);
    netstring_put(out, buf_str(&request));
}

static const struct {
    struct str word;
    enum socketmap_reply reply;
} words[] = {
    { STR("OK"), SOCKETMAP_OK },          { STR("NOTFOUND"), SOCKETMAP_NOT_FOUND },
    { STR("TEMP"), SOCKETMAP_TEMPORARY }, { STR("TIMEOUT"), SOCKETMAP_TIMEOUT },
    { STR("PERM"), SOCKETMAP_PERMANENT },
};

enum socketmap_reply socketmap_wire_read_reply(struct str content, struct str *rest)
{
    struct str word;

    *rest = content;
    word = str_cut(rest, ' ');
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_equal(word, words[i].word))
            return words[i].reply;
    *rest = content;
    return SOCKETMAP_UNKNOWN;
}
