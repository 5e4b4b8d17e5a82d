#include "qmgr/recipient.h"

#include "base/mem.h"

#include <stdlib.h>

#define RFC822 "rfc822;"

static bool is_rfc822_form(struct str orcpt, struct str orig)
{
    return orig.len && str_skip_prefix(&orcpt, STR(RFC822)) && str_equal(orcpt, orig);
}

static size_t put(char *at, struct str s)
{
    if (s.len)
        memcpy(at, s.ptr, s.len);
    return s.len;
}

struct recipient *recipient_new(const struct recipient_text *text, int notify, int64_t offset)
{
    unsigned flags = 0;
    struct str orig = text->orig, orcpt = text->orcpt;

    if (is_rfc822_form(orcpt, orig)) {
        flags |= RECIPIENT_ORCPT_ORIG;
        orcpt = STR_NONE;
    }
    if (orig.len && str_equal(orig, text->address)) {
        flags |= RECIPIENT_ORIG_SAME;
        orig = STR_NONE;
    }
    struct recipient *r = mem_alloc(sizeof(*r) + text->address.len + orig.len + orcpt.len);

    r->offset = offset;
    r->notify = (uint8_t)notify;
    r->flags = (uint8_t)flags;
    r->address_len = (uint16_t)put(r->text, text->address);
    r->orig_len = (uint16_t)put(r->text + r->address_len, orig);
    r->orcpt_len = (uint16_t)put(r->text + r->address_len + r->orig_len, orcpt);
    return r;
}

void recipient_free_all(struct recipient *first)
{
    while (first) {
        struct recipient *next = first->next;

        free(first);
        first = next;
    }
}

struct str recipient_address(const struct recipient *r)
{
    return (struct str){ r->text, r->address_len };
}

struct str recipient_orig(const struct recipient *r)
{
    if (r->flags & RECIPIENT_ORIG_SAME)
        return recipient_address(r);
    return (struct str){ r->text + r->address_len, r->orig_len };
}

struct str recipient_orcpt(const struct recipient *r, char *scratch)
{
    if (!(r->flags & RECIPIENT_ORCPT_ORIG))
        return (struct str){ r->text + r->address_len + r->orig_len, r->orcpt_len };
    struct str orig = recipient_orig(r);

    memcpy(scratch, RFC822, sizeof(RFC822) - 1);
    put(scratch + sizeof(RFC822) - 1, orig);
    return (struct str){ scratch, sizeof(RFC822) - 1 + orig.len };
}
