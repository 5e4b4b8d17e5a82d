#include "base/str.h"

size_t str_find(struct str s, char c)
{
    const char *hit = s.len ? memchr(s.ptr, c, s.len) : NULL;

    return hit ? (size_t)(hit - s.ptr) : STR_NOT_FOUND;
}

size_t str_rfind(struct str s, char c)
{
    const char *hit = s.len ? memrchr(s.ptr, c, s.len) : NULL;

    return hit ? (size_t)(hit - s.ptr) : STR_NOT_FOUND;
}

static bool in_set(char c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }

size_t str_find_any(struct str s, const char *set)
{
    for (size_t i = 0; i < s.len; i++)
        if (in_set(s.ptr[i], set))
            return i;
    return STR_NOT_FOUND;
}

size_t str_find_str(struct str s, struct str needle)
{
    const char *hit = s.len ? memmem(s.ptr, s.len, needle.ptr, needle.len) : NULL;

    return hit ? (size_t)(hit - s.ptr) : STR_NOT_FOUND;
}

size_t str_find_nocase(struct str s, struct str needle)
{
    for (size_t i = 0; i + needle.len <= s.len; i++)
        if (str_equal_nocase(str_sub(s, i, i + needle.len), needle))
            return i;
    return STR_NOT_FOUND;
}

bool str_to_cstring(struct str s, char *out, size_t room)
{
    if (s.len >= room || str_has(s, '\0'))
        return false;
    if (s.len)
        memcpy(out, s.ptr, s.len);
    out[s.len] = '\0';
    return true;
}

bool str_equal_nocase(struct str a, struct str b)
{
    return a.len == b.len && str_compare_nocase(a, b) == 0;
}

int str_compare(struct str a, struct str b)
{
    size_t n = MIN(a.len, b.len);
    int diff = n ? memcmp(a.ptr, b.ptr, n) : 0;

    return diff ? diff : (a.len > b.len) - (a.len < b.len);
}

int str_compare_nocase(struct str a, struct str b)
{
    size_t n = MIN(a.len, b.len);

    for (size_t i = 0; i < n; i++) {
        int diff = (unsigned char)char_lower(a.ptr[i]) - (unsigned char)char_lower(b.ptr[i]);
        if (diff)
            return diff;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_equal(str_sub(s, 0, prefix.len), prefix);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_equal_nocase(str_sub(s, 0, prefix.len), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_equal(str_skip(s, s.len - suffix.len), suffix);
}

bool str_ends_nocase(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_equal_nocase(str_skip(s, s.len - suffix.len), suffix);
}

struct str str_cut(struct str *s, char sep)
{
    size_t at = str_find(*s, sep);
    struct str head = str_sub(*s, 0, at);

    *s = str_skip(*s, at == STR_NOT_FOUND ? s->len : at + 1);
    return head;
}

struct str str_cut_last(struct str *s, char sep)
{
    size_t at = str_rfind(*s, sep);
    struct str head = str_sub(*s, 0, at);

    *s = at == STR_NOT_FOUND ? STR_NONE : str_skip(*s, at + 1);
    return head;
}

static void skip_set(struct str *s, const char *set)
{
    while (s->len && in_set(s->ptr[0], set))
        *s = str_skip(*s, 1);
}

bool str_token(struct str *s, const char *seps, struct str *token)
{
    skip_set(s, seps);
    if (s->len == 0)
        return false;
    *token = str_sub(*s, 0, str_find_any(*s, seps));
    *s = str_skip(*s, token->len);
    return true;
}

bool str_has_word(struct str words, struct str word)
{
    struct str other;

    while (str_token(&words, ", \t\r\n", &other))
        if (str_equal_nocase(other, word))
            return true;
    return false;
}

bool str_take_group(struct str *s, struct str *inside)
{
    char open = (char)(s->len ? s->ptr[0] : '\0');
    char close = (char)(open == '{' ? '}' : ')');
    size_t depth = 0;

    if (open != '{' && open != '(')
        return false;
    for (size_t i = 0; i < s->len; i++) {
        if (s->ptr[i] == open)
            depth++;
        else if (s->ptr[i] == close && --depth == 0) {
            *inside = str_sub(*s, 1, i);
            *s = str_skip(*s, i + 1);
            return true;
        }
    }
    return false;
}

/* Length of the group that starts with `{` at the start of `s`, closing brace included. */
static size_t group_length(struct str s)
{
    struct str rest = s, inside;

    return str_take_group(&rest, &inside) ? s.len - rest.len : s.len;
}

bool str_token_braced(struct str *s, const char *seps, struct str *token, bool *braced)
{
    skip_set(s, seps);
    bool group = s->len && s->ptr[0] == '{';
    if (braced)
        *braced = group;
    if (!group) {
        /* A brace inside a word (inline:{a=b c=d}) also holds the word together. */
        size_t end = 0;
        if (s->len == 0)
            return false;
        while (end < s->len && !in_set(s->ptr[end], seps))
            end += s->ptr[end] == '{' ? group_length(str_skip(*s, end)) : 1;
        *token = str_sub(*s, 0, end);
        *s = str_skip(*s, end);
        return true;
    }
    struct str inside;
    if (!str_take_group(s, &inside)) {
        inside = str_skip(*s, 1);
        if (str_ends(inside, STR("}")))
            inside.len--;
        *s = str_skip(*s, s->len);
    }
    *token = str_trim(inside);
    return true;
}

bool str_skip_prefix(struct str *s, struct str prefix)
{
    if (!str_starts(*s, prefix))
        return false;
    *s = str_skip(*s, prefix.len);
    return true;
}

bool str_skip_prefix_nocase(struct str *s, struct str prefix)
{
    if (!str_starts_nocase(*s, prefix))
        return false;
    *s = str_skip(*s, prefix.len);
    return true;
}

struct str str_trim(struct str s)
{
    while (s.len && char_is_space(s.ptr[0]))
        s = str_skip(s, 1);
    while (s.len && char_is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}
