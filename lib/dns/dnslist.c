#include "dns/dnslist.h"

#include "base/number.h"

struct dnslist dnslist_parse(struct str text)
{
    struct dnslist spec = { .filter = text };

    spec.domain = str_cut(&spec.filter, '=');
    return spec;
}

/* One octet pattern: 4, or [1..3;7] */
static bool octet_matches(struct str pattern, int octet)
{
    struct str item;

    if (!str_starts(pattern, STR("[")))
        return number_parse_range(pattern, octet, octet, &(int64_t){ 0 });
    pattern = str_sub(pattern, 1, pattern.len - 1);
    while (str_token(&pattern, ";", &item)) {
        int64_t low, high;
        size_t dots = str_find_str(item, STR(".."));
        struct str first = str_sub(item, 0, dots),
                   last = dots == STR_NOT_FOUND ? first : str_skip(item, dots + 2);
        if (number_parse_range(first, 0, 255, &low) && number_parse_range(last, 0, 255, &high) &&
            octet >= low && octet <= high)
            return true;
    }
    return false;
}

static const char *skip_number(struct str filter, size_t *at, int64_t *value)
{
    size_t end = *at;

    while (end < filter.len && char_is_digit(filter.ptr[end]))
        end++;
    if (!number_parse_range(str_sub(filter, *at, end), 0, 255, value))
        return "numeric range error";
    *at = end;
    return NULL;
}

static bool skip_text(struct str filter, size_t *at, struct str text)
{
    if (!str_starts(str_skip(filter, *at), text))
        return false;
    *at += text.len;
    return true;
}

/* 4 or 4..6 */
static const char *skip_range(struct str filter, size_t *at)
{
    int64_t low, high;
    const char *fault = skip_number(filter, at, &low);

    if (fault || !skip_text(filter, at, STR("..")))
        return fault;
    size_t start = *at;
    fault = skip_number(filter, at, &high);
    if (fault || low <= high)
        return fault;
    *at = start;
    return "numeric range error";
}

static const char *skip_octet(struct str filter, size_t *at)
{
    const char *fault;

    if (!skip_text(filter, at, STR("[")))
        return skip_number(filter, at, &(int64_t){ 0 });
    do
        fault = skip_range(filter, at);
    while (fault == NULL && skip_text(filter, at, STR(";")));
    return fault || skip_text(filter, at, STR("]")) ? fault : "need \";\" or \"]\"";
}

const char *dnslist_filter_fault(struct str filter, size_t *good)
{
    const char *fault = NULL;

    *good = 0;
    for (int i = 0; i < 4 && fault == NULL; i++) {
        if (i && !skip_text(filter, good, STR(".")))
            return "need \".\"";
        fault = skip_octet(filter, good);
    }
    return fault || *good == filter.len ? fault : "garbage after the pattern";
}

/* Octets are separated by dots; those inside of brackets do not count. */
static struct str cut_octet(struct str *s)
{
    size_t end = 0, depth = 0;

    while (end < s->len && (depth || s->ptr[end] != '.')) {
        depth += s->ptr[end] == '[' ? 1 : 0;
        depth -= s->ptr[end] == ']' && depth ? 1 : 0;
        end++;
    }
    struct str head = str_sub(*s, 0, end);
    *s = str_skip(*s, end + 1);
    return head;
}

bool dnslist_matches(const struct dnslist *list, const unsigned char octets[4])
{
    struct str filter = list->filter;

    if (filter.len == 0)
        return true;
    for (int i = 0; i < 4; i++)
        if (!octet_matches(cut_octet(&filter), octets[i]))
            return false;
    return filter.len == 0;
}

bool dnslist_answer_is_fault(const unsigned char octets[4])
{
    return octets[0] != 127 || (octets[1] == 255 && octets[2] == 255);
}
