#include "client/transcript.h"

#include "base/log.h"

#define TRANSCRIPT_MAX 32768

void transcript_init(struct transcript *t)
{
    *t = (struct transcript){ .text = BUF_INIT(TRANSCRIPT_MAX) };
}

void transcript_fini(struct transcript *t) { buf_free(&t->text); }

static void add_line(struct transcript *t, struct str mark, struct str line)
{
    while (line.len && char_is_space(line.ptr[line.len - 1]))
        line.len--;
    buf_add(&t->text, mark);
    buf_add_printable(&t->text, line);
    buf_addc(&t->text, '\n');
    t->lines++;
}

void transcript_in(struct transcript *t, struct str peer, struct str line)
{
    log_debug("< " STR_FMT ": " STR_FMT, STR_ARG(peer), STR_ARG(line));
    if (t)
        add_line(t, STR(" In:  "), line);
}

void transcript_out(struct transcript *t, struct str peer, struct str line)
{
    log_debug("> " STR_FMT ": " STR_FMT, STR_ARG(peer), STR_ARG(line));
    if (t)
        add_line(t, STR(" Out: "), line);
}

void transcript_trim(struct transcript *t, unsigned threshold)
{
    if (t->lines <= threshold)
        return;
    buf_clear(&t->text);
    t->lines = 0;
}
