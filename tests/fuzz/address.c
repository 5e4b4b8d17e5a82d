/* One address: what was unquoted can be quoted and unquoted again.  A list: parsing what was
 * formatted changes nothing any more, and nothing in a list can break a header line. */
#include "text/address.h"

#include "base/buf.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void one_address(struct str external)
{
    BUF_AUTO(internal, 0);
    BUF_AUTO(quoted, 0);
    BUF_AUTO(again, 0);

    buf_add(&internal, STR("x"));
    if (!address_unquote(external, &internal)) {
        must(internal.len == 1);
        return;
    }
    struct str result = str_skip(buf_str(&internal), 1);
    must(!str_has(result, '\n') && !str_has(result, '\r') && !str_has(result, '\0'));
    address_quote(result, &quoted);
    /* RFC 5321 knows no mailbox without a local part. */
    must(str_starts(result, STR("@")) ? address_unquote(buf_str(&quoted), &again)
                                      : address_unquote_strict(buf_str(&quoted), &again));
    must(str_equal(buf_str(&again), result));
}

/* Addresses that came out of odd quoting need not be writable; the others must be stable. */
static bool is_writable(const struct address_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        BUF_AUTO(quoted, 0);
        BUF_AUTO(back, 0);
        address_quote(list->items[i].address, &quoted);
        if (!address_unquote_strict(buf_str(&quoted), &back) ||
            !str_equal(buf_str(&back), list->items[i].address) ||
            (back.len == 0 && !list->items[i].angle) || str_starts(buf_str(&back), STR("@")) ||
            str_starts(buf_str(&back), STR(":include:")))
            return false;
    }
    return true;
}

static void list_of_addresses(struct str text)
{
    ARENA_AUTO(a);
    BUF_AUTO(first, 0);
    BUF_AUTO(second, 0);
    BUF_AUTO(folded, 0);
    struct address_list list, again;

    address_list_parse(&a, text, 200, &list);
    address_list_format(&list, 4, 0, &first);
    must(!str_has(buf_str(&first), '\n') && !str_has(buf_str(&first), '\r'));
    address_list_format(&list, 4, 30, &folded);
    for (size_t i = 0; i < folded.len; i++)
        must(folded.ptr[i] != '\n' || (i + 1 < folded.len && folded.ptr[i + 1] == '\t'));
    address_list_parse(&a, buf_str(&first), 1000, &again);
    if (list.truncated || !is_writable(&list))
        return;
    must(list.count == again.count);
    for (size_t i = 0; i < list.count; i++)
        must(str_equal(list.items[i].address, again.items[i].address));
    address_list_format(&again, 4, 0, &second);
    must(str_equal(buf_str(&first), buf_str(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };

    one_address(text);
    list_of_addresses(text);
    return 0;
}
