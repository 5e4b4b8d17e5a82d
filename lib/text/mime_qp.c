#include "text/mime_state.h"

#define CODED_SIZE 3 /* =XX */

static void put(struct mime_qp *q, struct str coded, mime_qp_line *out, void *context)
{
    /* Whatever comes next fits with a soft line break behind it. */
    if (q->line.len >= MIME_QP_COLUMNS - CODED_SIZE) {
        buf_addc(&q->line, '=');
        out(context, buf_str(&q->line));
        buf_clear(&q->line);
    }
    buf_add(&q->line, coded);
}

static void put_coded(struct mime_qp *q, unsigned char c, mime_qp_line *out, void *context)
{
    static const char digits[] = "0123456789ABCDEF";
    char coded[CODED_SIZE] = { '=', digits[c >> 4], digits[c & 15] };

    put(q, (struct str){ coded, CODED_SIZE }, out, context);
}

static void release_held(struct mime_qp *q, mime_qp_line *out, void *context)
{
    char held = q->held;

    q->held = 0;
    if (held)
        put(q, (struct str){ &held, 1 }, out, context);
}

void mime_qp_encode(struct mime_qp *q, struct str piece, bool ends_line, mime_qp_line *out,
                    void *context)
{
    for (size_t i = 0; i < piece.len; i++) {
        char c = piece.ptr[i];
        release_held(q, out, context);
        if (c == ' ' || c == '\t')
            q->held = c;
        else if (c > ' ' && c < 0x7f && c != '=')
            put(q, (struct str){ &c, 1 }, out, context);
        else
            put_coded(q, (unsigned char)c, out, context);
    }
    if (!ends_line)
        return;
    /* White space at the end of a line would not survive the way. */
    if (q->held)
        put_coded(q, (unsigned char)q->held, out, context);
    q->held = 0;
    out(context, buf_str(&q->line));
    buf_clear(&q->line);
}
