/* Anything said to postscreen's own dialogue: input is used up, a line stays within its limit, and the same bytes in one piece
 * or byte by byte get the same answers. */
#include "base/attr.h"
#include "postscreen/dialogue.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dialogue_rules rules = { .hostname = STR("mx.test"),
                                             .message_size_limit = 1000,
                                             .line_limit = 512,
                                             .command_limit = 100,
                                             .utf8 = true };

static bool is_over(enum dialogue_event_kind kind)
{
    return kind == DIALOGUE_CLOSE || kind == DIALOGUE_CONTENT || kind == DIALOGUE_LONG ||
           kind == DIALOGUE_MANY;
}

/* Whether it waits depends on how the bytes come; everything else must not. */
static void note(const struct dialogue_event *ev, struct buf *out)
{
    if (ev->kind == DIALOGUE_NEED_INPUT || ev->kind == DIALOGUE_PIPELINING)
        return;
    buf_addf(out, "%d %d ", ev->kind, ev->reply.code);
    buf_join(out, ev->reply.text, STR("|"), ev->word, STR("|"), ev->line, STR("\n"));
}

static void play(struct str input, size_t chunk, struct buf *out)
{
    struct dialogue d;
    bool over = false;

    dialogue_init(&d, &rules);
    d.keywords = (1U << KEYWORDS) - 1;
    d.refusal = (struct smtp_reply){ 450, STR("4.3.2 later") };
    while (input.len && !over) {
        struct str in = str_sub(input, 0, chunk);
        struct dialogue_event ev;
        input = str_skip(input, in.len);
        do {
            ev = dialogue_next(&d, &in);
            note(&ev, out);
            if (ev.kind == DIALOGUE_STARTTLS)
                dialogue_secured(&d);
            if (ev.line.len >= rules.line_limit)
                abort();
            over = is_over(ev.kind);
        } while (ev.kind != DIALOGUE_NEED_INPUT && !over);
        if (!over && in.len)
            abort();
    }
    dialogue_fini(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = { (const char *)data, size };
    BUF_AUTO(whole, 0);
    BUF_AUTO(pieces, 0);

    play(in, size, &whole);
    play(in, 1, &pieces);
    if (!str_equal(buf_str(&whole), buf_str(&pieces)))
        abort();
    return 0;
}
