/* sendmail's stdin: the records do not depend on how it is cut, and postdrop accepts them. */
#include "pickup/submission.h"

#include "pickup/drop_check.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(struct str input, bool extract, size_t piece, struct buf *out)
{
    const struct submission_envelope e = { .sender = STR("s") };
    struct submission_recipients rcpts = { .count = 0 };
    struct submission_content c;

    submission_recipients_add(&rcpts, STR("r@x"), 10);
    submission_put_envelope(out, &e, &rcpts);
    submission_content_init(&c, 64, 10000);
    c.extract = extract;
    c.dot_ends = true;
    for (size_t at = 0; at < input.len; at += piece)
        if (!submission_feed(&c, str_sub(input, at, at + piece), out))
            break;
    if (!submission_finish(&c, &e, true, out))
        abort();
    submission_content_free(&c);
    submission_recipients_free(&rcpts);
}

/* All of it is accepted, and it ends where it ends.  An address from a header may have odd
 * bytes, though. */
static void check(struct str records, bool extract)
{
    struct drop_check c = { 0 };
    struct record rec;
    enum drop_verdict verdict = DROP_KEEP;

    while (record_take(&records, &rec) == RECORD_OK) {
        verdict = drop_check_record(&c, &rec);
        if (verdict == DROP_BAD && extract)
            return;
        if (verdict == DROP_BAD)
            abort();
    }
    if (records.len || verdict != DROP_END)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = { (const char *)data, size };

    for (int extract = 0; extract < 2; extract++) {
        BUF_AUTO(whole, 0);
        BUF_AUTO(pieces, 0);
        run(input, extract, size + 1, &whole);
        run(input, extract, size % 7 + 1, &pieces);
        if (!str_equal(buf_str(&whole), buf_str(&pieces)))
            abort();
        check(buf_str(&whole), extract);
    }
    return 0;
}
