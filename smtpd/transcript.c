#include "smtpd/transcript.h"

#define TRANSCRIPT_MAX 32768

void transcript_init(struct transcript *t)
{
    *t = (struct transcript){ .text = BUF_INIT(TRANSCRIPT_MAX) };
}

void transcript_fini(struct transcript *t) { buf_free(&t->text); }

static void add_printable(struct transcript *t, struct str line)
{
    buf_add_printable(&t->text, line);
    buf_addc(&t->text, '\n');
    t->lines++;
}

void transcript_client(struct transcript *t, struct str line)
{
    buf_add(&t->text, STR(" In:  "));
    add_printable(t, line);
}

void transcript_server(struct transcript *t, struct smtp_reply reply)
{
    bool more;

    do {
        more = str_has(reply.text, '\n');
        buf_add(&t->text, STR(" Out: "));
        buf_add_int(&t->text, reply.code);
        buf_addc(&t->text, more ? '-' : ' ');
        add_printable(t, str_cut(&reply.text, '\n'));
    } while (more);
}

void transcript_trim(struct transcript *t, unsigned threshold)
{
    if (t->lines <= threshold)
        return;
    buf_clear(&t->text);
    t->lines = 0;
}
