/* The stream of public/showq, and the log files of bounce(8): what comes out does not depend on
 * how the stream is cut, and what was read from a log is read again from what is written. */
#include "queue/listing.h"

#include "queue/bounce_log.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_message(void *context, const struct listing_message *m)
{
    listing_put_message(context, m);
}
static void on_recipient(void *context, const struct listing_recipient *r)
{
    listing_put_recipient(context, r);
}
static void on_end(void *context) { listing_put_end(context); }

static enum listing_state parse(struct str input, size_t piece, struct buf *out)
{
    const struct listing_sink sink = { on_message, on_recipient, on_end, out };
    struct listing_parser p = { LISTING_HEAD, false };
    BUF_AUTO(in, 0);

    for (size_t at = 0; at < input.len && p.state < LISTING_DONE; at += piece) {
        buf_add(&in, str_sub(input, at, at + piece));
        struct str rest = buf_str(&in);
        listing_parse(&p, &rest, &sink);
        buf_consume(&in, in.len - rest.len);
    }
    return p.state;
}

static void read_log(struct str text)
{
    struct bounce_append entry, again;

    while (bounce_log_take(&text, &entry)) {
        BUF_AUTO(written, 0);
        bounce_log_format(&written, &entry, false);
        struct str rest = buf_str(&written);
        if (!bounce_log_take(&rest, &again) || again.offset != entry.offset ||
            again.reason.len != entry.reason.len || again.recipient.len != entry.recipient.len)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = { (const char *)data, size };
    BUF_AUTO(whole, 0);
    BUF_AUTO(pieces, 0);

    enum listing_state a = parse(input, size + 1, &whole);
    enum listing_state b = parse(input, size % 5 + 1, &pieces);
    if (a != b || !str_equal(buf_str(&whole), buf_str(&pieces)))
        abort();
    read_log(input);
    return 0;
}
