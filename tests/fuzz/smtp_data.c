/* The decoder gives the same lines however its input is cut; what it gives survives the encoder and
 * comes back. */
#include "base/buf.h"
#include "smtp/data.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT (1 << 22)

static void must(bool truth)
{
    if (!truth)
        abort();
}

/* Decode `wire`, given in steps of `step` bytes.  Pieces are written down with a mark behind each,
 * so that cuts count too. */
static void decode(struct smtp_decoder d, struct str wire, size_t step, struct buf *lines,
                   struct buf *content)
{
    size_t start = 0, end = 0, used;
    struct smtp_piece piece;

    for (;;) {
        struct str window = str_sub(wire, start, end);
        enum smtp_decode_result r =
            smtp_decode(&d, window, d.chunked && end == wire.len, &used, &piece);
        if (r == SMTP_DECODE_MORE && end == wire.len)
            break;
        if (r == SMTP_DECODE_MORE) {
            must(window.len < d.line_limit + 4);
            end = MIN(end + step, wire.len);
            continue;
        }
        must(used > 0 && used <= window.len);
        start += used;
        if (r == SMTP_DECODE_END) {
            buf_add(lines, STR("[end]"));
            break;
        }
        must(piece.text.len <= d.line_limit + 2);
        buf_join(lines, piece.text, piece.ends_line ? STR("\n") : STR("\\"));
        buf_join(content, piece.text, piece.ends_line ? STR("\n") : STR(""));
    }
    buf_add(lines, d.bare_lf ? STR("[bare]") : STR(""));
}

static void round_trip(struct str content, size_t fold)
{
    BUF_AUTO(wire, LIMIT);
    BUF_AUTO(lines, LIMIT);
    BUF_AUTO(back, LIMIT);
    struct smtp_encoder e;
    struct smtp_decoder d;

    smtp_encoder_init(&e, fold, true);
    smtp_encode(&e, content, true, &wire);
    smtp_encode_end(&e, &wire);
    smtp_decoder_init(&d, SMTP_BARE_NORMALIZE, 1 << 20);
    decode(d, buf_str(&wire), wire.len, &lines, &back);
    must(str_ends(buf_str(&lines), STR("[end]")));
    if (fold || str_has(content, '\r'))
        return;
    buf_clear(&lines);
    buf_join(&lines, content, STR("\n"));
    must(str_equal(buf_str(&back), buf_str(&lines)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    BUF_AUTO(whole, LIMIT);
    BUF_AUTO(cut, LIMIT);
    BUF_AUTO(content, LIMIT);
    BUF_AUTO(ignored, LIMIT);
    struct smtp_decoder d;

    if (size < 2 || size > 1 << 16)
        return 0;
    struct str wire = { (const char *)data + 2, size - 2 };
    enum smtp_bare_newline policy = (enum smtp_bare_newline)(data[0] & 3);
    size_t line_limit = 1 + data[1] % 40;
    if (data[0] & 4)
        smtp_decoder_init_chunked(&d, policy, line_limit);
    else
        smtp_decoder_init(&d, policy, line_limit);
    decode(d, wire, wire.len, &whole, &content);
    decode(d, wire, 1 + data[0] / 8, &cut, &ignored);
    must(str_equal(buf_str(&whole), buf_str(&cut)));
    round_trip(wire, 0);
    round_trip(wire, data[1]);
    return 0;
}
