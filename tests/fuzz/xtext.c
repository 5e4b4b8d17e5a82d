/* Encodings of addresses and parameters come back as they were; what is refused leaves nothing
 * behind. */
#include "text/xtext.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "text/dsn.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void orcpt(struct str text, bool utf8)
{
    BUF_AUTO(parsed, 0);
    BUF_AUTO(formatted, 0);
    BUF_AUTO(again, 0);

    if (!dsn_orcpt_parse(text, utf8, &parsed)) {
        must(parsed.len == 0);
        return;
    }
    dsn_orcpt_format(buf_str(&parsed), utf8, &formatted);
    must(!str_has(buf_str(&formatted), ' ') && !str_has(buf_str(&formatted), '\n'));
    if (!utf8_is_valid(buf_str(&parsed)) || !utf8_is_ascii(buf_str(&parsed)))
        return;
    must(dsn_orcpt_parse(buf_str(&formatted), utf8, &again));
    must(str_equal(buf_str(&parsed), buf_str(&again)));
}

static void notify(struct str text)
{
    BUF_AUTO(words, 0);
    unsigned bits, again;

    if (!dsn_notify_parse(text, &bits, NULL))
        return;
    dsn_notify_format(bits, &words);
    must(dsn_notify_parse(buf_str(&words), &again, NULL) && again == bits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    BUF_AUTO(encoded, 0);
    BUF_AUTO(back, 0);
    BUF_AUTO(decoded, 0);

    xtext_encode(text, &encoded);
    must(utf8_is_ascii(buf_str(&encoded)));
    must(xtext_decode(buf_str(&encoded), &back) && str_equal(buf_str(&back), text));
    if (xtext_decode(text, &decoded))
        must(decoded.len <= text.len);
    buf_clear(&encoded);
    buf_clear(&back);
    uxtext_encode(text, &encoded);
    must(utf8_is_valid(buf_str(&encoded)) && uxtext_decode(buf_str(&encoded), &back));
    must(str_equal(buf_str(&back), text) || !utf8_is_valid(text));
    orcpt(text, true);
    orcpt(text, false);
    notify(text);
    must(dsn_status_length(text) <= text.len);
    return 0;
}
