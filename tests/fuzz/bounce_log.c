/* A log in bounce/, defer/ or trace/ as it may stand on a disk: reading ends, every block has a recipient, and what
 * is read can be written and read again. */
#include "queue/bounce_log.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

/* Written as blanks. */
static bool has_control(struct str s) { return str_has(s, '\0') || str_has(s, '\r'); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct bounce_append entry, again;

    for (size_t left = text.len + 1; bounce_log_take(&text, &entry); left = text.len) {
        BUF_AUTO(out, 0);
        must(text.len < left);
        bounce_log_format(&out, &entry, false);
        struct str written = buf_str(&out);
        must(bounce_log_take(&written, &again));
        must(has_control(entry.recipient) || str_equal(entry.recipient, again.recipient));
        must(entry.offset == again.offset && entry.dsn_notify == again.dsn_notify);
        must(!bounce_log_take(&written, &again));
    }
    return 0;
}
