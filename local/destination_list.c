#include "local/destination_list.h"

void destination_walk_init(struct destination_walk *w, struct str text, struct arena *arena,
                           size_t token_limit)
{
    *w = (struct destination_walk){ .rest = text, .arena = arena, .token_limit = token_limit };
}

static void skip_comment_lines(struct str *s)
{
    for (;;) {
        while (s->len && (char_is_space(s->ptr[0]) || s->ptr[0] == ','))
            *s = str_skip(*s, 1);
        if (!str_starts(*s, STR("#")))
            return;
        (void)str_cut(s, '\n');
    }
}

/* Length of the item at the start of `s`. */
static size_t item_length(struct str s)
{
    bool quoted = false;
    int parens = 0, angles = 0;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '\n')
            return i;
        if (c == '\\' && i + 1 < s.len && s.ptr[i + 1] != '\n') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted) {
            parens += c == '(' ? 1 : c == ')' && parens ? -1 : 0;
            angles += c == '<' ? 1 : c == '>' && angles ? -1 : 0;
            if (c == ',' && parens == 0 && angles == 0)
                return i;
        }
    }
    return s.len;
}

/* Without quotes; inside of them a backslash takes the next byte as it is. */
static struct str unquote(struct arena *a, struct str s)
{
    BUF_AUTO(out, 0);
    bool quoted = false;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"')
            quoted = !quoted;
        else if (quoted && s.ptr[i] == '\\' && i + 1 < s.len)
            buf_addc(&out, s.ptr[++i]);
        else
            buf_addc(&out, s.ptr[i]);
    }
    return arena_str(a, str_trim(buf_str(&out)));
}

static bool take_special(struct destination_walk *w, struct str item, struct destination *out)
{
    struct str plain = unquote(w->arena, item);

    *out = (struct destination){ .text = plain };
    if (str_skip_prefix(&out->text, STR("|")))
        out->kind = DESTINATION_COMMAND;
    else if (str_starts(plain, STR("/")))
        out->kind = DESTINATION_FILE;
    else if (str_skip_prefix_nocase(&out->text, STR(":include:")))
        out->kind = DESTINATION_INCLUDE;
    else
        return false;
    out->text = str_trim(out->text);
    return true;
}

static bool take_address(struct destination_walk *w, struct destination *out)
{
    while (w->next < w->addresses.count) {
        const struct address_item *item = &w->addresses.items[w->next++];
        if (item->kind != ADDRESS_MAILBOX || item->address.len == 0)
            continue;
        *out = (struct destination){ .kind = DESTINATION_ADDRESS,
                                     .text = item->address,
                                     .only_mailbox = w->only_mailbox };
        return true;
    }
    return false;
}

bool destination_next(struct destination_walk *w, struct destination *out)
{
    for (;;) {
        if (take_address(w, out))
            return true;
        skip_comment_lines(&w->rest);
        if (w->rest.len == 0)
            return false;
        struct str item = str_sub(w->rest, 0, item_length(w->rest));
        w->rest = str_skip(w->rest, item.len);
        item = str_trim(item);
        if (take_special(w, item, out))
            return true;
        w->only_mailbox = str_skip_prefix(&item, STR("\\"));
        address_list_parse(w->arena, item, w->token_limit, &w->addresses);
        w->next = 0;
    }
}
