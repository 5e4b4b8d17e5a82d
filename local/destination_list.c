#include "local/destination_list.h"

void destination_walk_init(struct destination_walk *w, struct str text, bool is_file,
                           struct arena *arena, size_t token_limit)
{
    *w = (struct destination_walk){
        .rest = text, .arena = arena, .token_limit = token_limit, .at_line_start = is_file
    };
}

/* To the next item.  `#` is a comment at the start of a line only. */
static void skip_to_item(struct destination_walk *w)
{
    struct str *s = &w->rest;

    for (;;) {
        while (s->len && (char_is_space(s->ptr[0]) || s->ptr[0] == ',')) {
            w->at_line_start = s->ptr[0] == '\n';
            *s = str_skip(*s, 1);
        }
        if (!w->at_line_start || !str_starts(*s, STR("#")))
            return;
        *s = str_skip(*s, MIN(str_find(*s, '\n'), s->len));
    }
}

struct nesting {
    bool quoted;
    size_t parens, angles;
};

static void nesting_take(struct nesting *n, char c)
{
    if (c == '"')
        n->quoted = !n->quoted;
    else if (n->quoted)
        return;
    else if (c == '(')
        n->parens++;
    else if (c == ')' && n->parens)
        n->parens--;
    else if (c == '<')
        n->angles++;
    else if (c == '>' && n->angles)
        n->angles--;
}

/* Length of the item at the start of `s`: up to a byte of `ends` outside of everything, or the end of the line. */
static size_t item_length(struct str s, struct str ends)
{
    struct nesting n = { 0 };

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool outside = !n.quoted && n.parens == 0 && n.angles == 0;
        if (c == '\n' || (outside && str_has(ends, c)))
            return i;
        if (c == '\\' && i + 1 < s.len && s.ptr[i + 1] != '\n')
            i++;
        else
            nesting_take(&n, c);
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
    return arena_str(a, buf_str(&out));
}

/* No address, by what it begins with? */
static bool is_special(struct str text, struct destination *out)
{
    *out = (struct destination){ .text = text };
    if (str_skip_prefix(&out->text, STR("|")))
        out->kind = DESTINATION_COMMAND;
    else if (str_starts(text, STR("/")) || str_starts(text, STR("~")))
        out->kind = DESTINATION_FILE;
    else if (str_skip_prefix_nocase(&out->text, STR(":include:")))
        *out = (struct destination){ DESTINATION_INCLUDE, str_trim(out->text), false };
    else
        return false;
    return true;
}

/* A special destination is one word: only quotes keep blanks in it, and those behind a `|` do not count. */
static bool take_special(struct destination_walk *w, struct destination *out)
{
    const struct str ends = STR(",; \t\r");
    size_t len;

    if (str_skip_prefix(&w->rest, STR("|"))) {
        while (str_skip_prefix(&w->rest, STR(" ")) || str_skip_prefix(&w->rest, STR("\t")))
            continue;
        len = item_length(w->rest, ends);
        *out = (struct destination){ .kind = DESTINATION_COMMAND,
                                     .text = unquote(w->arena, str_sub(w->rest, 0, len)) };
        w->rest = str_skip(w->rest, len);
        return true;
    }
    len = item_length(w->rest, ends);

    if (!is_special(unquote(w->arena, str_sub(w->rest, 0, len)), out))
        return false;
    w->rest = str_skip(w->rest, len);
    return true;
}

static bool take_address(struct destination_walk *w, struct destination *out)
{
    while (w->next < w->addresses.count) {
        const struct address_item *item = &w->addresses.items[w->next++];
        if (item->kind != ADDRESS_MAILBOX || (item->address.len == 0 && !item->quoted))
            continue;
        if (!is_special(item->address, out))
            *out = (struct destination){ .kind = DESTINATION_ADDRESS,
                                         .text = item->address,
                                         .only_mailbox = w->only_mailbox };
        return true;
    }
    return false;
}

bool destination_list_is_empty(struct str text, bool is_file, size_t token_limit)
{
    ARENA_AUTO(arena);
    struct destination_walk walk;
    struct destination first;

    destination_walk_init(&walk, text, is_file, &arena, token_limit);
    return !destination_next(&walk, &first);
}

bool destination_item_is_done(const struct destination_walk *w)
{
    return w->next >= w->addresses.count;
}

bool destination_next(struct destination_walk *w, struct destination *out)
{
    for (;;) {
        if (take_address(w, out))
            return true;
        skip_to_item(w);
        if (w->rest.len == 0)
            return false;
        w->at_line_start = false;
        if (take_special(w, out))
            return true;
        struct str item = str_sub(w->rest, 0, item_length(w->rest, STR(",")));
        w->rest = str_skip(w->rest, item.len);
        item = str_trim(item);
        w->only_mailbox = str_skip_prefix(&item, STR("\\"));
        address_list_parse(w->arena, item, w->token_limit, &w->addresses);
        w->next = 0;
    }
}
