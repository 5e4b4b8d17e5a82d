/* A filter that says anything at the end of a message: memory stays bounded, replies are replies, and how the bytes were cut
 * changes nothing. */
#include "milter/milter.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    size_t answers, bytes;
    enum milter_reply_kind last;
};

static void check(const struct milter *m, const struct milter_reply *r)
{
    if (r->kind == MILTER_REPLY && (r->code < 400 || r->code > 599 || str_has(r->text, '\r')))
        abort();
    if ((r->kind == MILTER_BROKEN || r->kind == MILTER_MISCONFIGURED) && r->text.len == 0)
        abort();
    if (r->kind == MILTER_ADD_HEADER && (r->name.len == 0 || str_has(r->value, '\0')))
        abort();
    if (m->in.len > 2 * MILTER_PACKET_MAX)
        abort();
}

static struct sum run(const uint8_t *data, size_t size, size_t step)
{
    struct sum sum = { 0 };
    struct milter_reply r;
    struct milter m;

    milter_init(&m, &(struct milter_protocol){ 6, 0x1fffff });
    for (size_t at = 0; at < size; at += step) {
        size_t room, n = MIN(step, size - at);
        char *to = milter_room(&m, &room);
        memcpy(to, data + at, n);
        milter_filled(&m, n);
        while ((r = milter_next(&m)).kind != MILTER_NEED_INPUT) {
            check(&m, &r);
            sum.bytes += r.name.len + r.value.len + r.text.len;
            if (r.kind == MILTER_REPLACE_BODY)
                continue; /* comes in pieces */
            sum.answers++;
            sum.last = r.kind;
            if (r.kind == MILTER_NEGOTIATED)
                (void)milter_say(&m, MILTER_EOM, STR(""), STR(""));
            if (r.kind == MILTER_BROKEN) {
                at = size;
                break;
            }
        }
    }
    milter_fini(&m);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sum whole = run(data, size, 4096), cut = run(data, size, 3);

    if (whole.answers != cut.answers || whole.bytes != cut.bytes || whole.last != cut.last)
        abort();
    return 0;
}
