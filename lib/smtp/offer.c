/* What a server's EHLO reply offers. */
#include "base/number.h"
#include "smtp/client_state.h"
#include "smtp/xattr.h"

#define MECHANISMS_MAX 2048

static bool is_number(struct str word)
{
    for (size_t i = 0; i < word.len; i++)
        if (!char_is_digit(word.ptr[i]))
            return false;
    return word.len > 0;
}

static void offer_size(struct smtp_client *c, struct str args)
{
    struct str word;
    int64_t limit;

    if (!str_token(&args, " \t", &word))
        return; /* it names no limit, and wants to know all the same */
    if (is_number(word)) {
        if (number_parse(word, &limit))
            c->offer.size_limit = limit;
    } else if (!c->offer.bad_size) {
        c->offer.bad_size = true;
        smtp_client_note(c, SMTP_NOTE_BAD_SIZE, word);
    }
}

static void offer_auth(struct smtp_client *c, struct str args)
{
    struct smtp_offer *o = &c->offer;
    struct str word;

    while (str_token(&args, " \t", &word)) {
        if (str_has_word(buf_str(&o->auth), word) || o->auth.len + word.len + 1 > MECHANISMS_MAX)
            continue;
        buf_join(&o->auth, o->auth.len ? STR(" ") : STR(""), word);
    }
}

static void offer_xforward(struct smtp_client *c, struct str args)
{
    struct smtp_offer *o = &c->offer;
    struct str word;

    while (str_token(&args, " \t", &word))
        for (enum smtp_xattr x = 0; x < SMTP_XATTR_COUNT; x++)
            if (str_equal_nocase(word, smtp_xattr_name(x)))
                o->xforward |= 1u << x;
}

static const struct {
    enum smtp_extension id;
    void (*parse)(struct smtp_client *c, struct str args);
} with_arguments[] = {
    { SMTP_EXTENSION_SIZE, offer_size },
    { SMTP_EXTENSION_AUTH, offer_auth },
    { SMTP_EXTENSION_XFORWARD, offer_xforward },
};

static void offer_line(struct smtp_client *c, struct str line)
{
    struct str keyword;

    if (!str_token(&line, " \t=", &keyword))
        return;
    if (line.len && line.ptr[0] == '=') /* `AUTH=LOGIN`, older than the standard */
        line = str_skip(line, 1);
    enum smtp_extension id = smtp_extension_find(keyword);
    if (id == SMTP_EXTENSION_COUNT || (c->options.discard & 1u << id))
        return;
    c->offer.extensions |= 1u << id;
    for (size_t i = 0; i < ARRAY_LEN(with_arguments); i++)
        if (with_arguments[i].id == id)
            with_arguments[i].parse(c, line);
}

void smtp_offer_parse(struct smtp_client *c, struct str reply)
{
    str_cut(&reply, '\n'); /* the server's name */
    while (reply.len)
        offer_line(c, str_skip(str_cut(&reply, '\n'), 4));
}
