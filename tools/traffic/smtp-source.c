/* smtp-source - send many messages by SMTP or LMTP, in many sessions at once: load for tests.
 *
 * Runs as:   whoever calls it
 * Distrusts: the server, which can make it do no more than stop */
#include "base/log.h"
#include "conf/command.h"
#include "os/fd.h"
#include "tools/traffic/source.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define LETTERS SOURCE_LETTERS "AdF:LNoS:"

struct generator {
    struct source source;
    bool goes_on;       /* -A: whatever the server answers */
    bool keeps;         /* -d: one connection for all messages */
    bool is_old;        /* -o: no greeting, no headers */
    bool is_lmtp;       /* -L */
    bool is_ready_made; /* -F: the file has its own headers */
    const char *subject;
    struct buf body; /* on the wire, with the final dot: all sessions send from here */
};

/* What was said last. */
enum step {
    STEP_CONNECT,
    STEP_HELLO,
    STEP_MAIL,
    STEP_RCPT,
    STEP_DATA,
    STEP_CONTENT,
    STEP_RSET, /* after a refusal */
    STEP_QUIT
};

struct session {
    struct sender sender;
    enum step step;
    int rcpts; /* named so far */
    int verdicts_left;
};

static struct generator *generator_of(const struct session *s)
{
    return CONTAINER_OF(s->sender.source, struct generator, source);
}

/* ---- what is said ---- */

static void say_hello(struct session *s, struct buf *out)
{
    const struct generator *g = generator_of(s);

    s->step = STEP_HELLO;
    buf_join(out, g->is_lmtp ? STR("LHLO ") : STR("HELO "), str_from(g->source.host), STR("\r\n"));
}

static void say_mail(struct session *s, struct buf *out)
{
    s->step = STEP_MAIL;
    s->rcpts = 0;
    buf_join(out, STR("MAIL FROM:<"), str_from(generator_of(s)->source.from), STR(">\r\n"));
}

static void say_rcpt(struct session *s, struct buf *out)
{
    s->step = STEP_RCPT;
    buf_add(out, STR("RCPT TO:<"));
    source_put_recipient(s->sender.source, s->sender.source->recipients - s->rcpts++, out);
    buf_add(out, STR(">\r\n"));
}

static void say_data(struct session *s, struct buf *out)
{
    s->step = STEP_DATA;
    buf_add(out, STR("DATA\r\n"));
}

static void say_content(struct session *s, struct buf *out)
{
    const struct generator *g = generator_of(s);

    s->step = STEP_CONTENT;
    s->verdicts_left = g->is_lmtp ? s->rcpts : 1;
    if (!g->is_old && !g->is_ready_made)
        source_put_headers(&s->sender, g->subject, STR("\r\n"), out);
    s->sender.talk.more = buf_str(&g->body);
}

static void say_rset(struct session *s, struct buf *out)
{
    s->step = STEP_RSET;
    buf_add(out, STR("RSET\r\n"));
}

static void say_quit(struct session *s, struct buf *out)
{
    s->step = STEP_QUIT;
    buf_add(out, STR("QUIT\r\n"));
}

/* ---- what comes ---- */

static const struct {
    const char *what; /* of the words for a wrong answer */
    char class;
} steps[] = {
    [STEP_CONNECT] = { "rejected at server banner", '2' },
    [STEP_HELLO] = { "HELO rejected", '2' },
    [STEP_MAIL] = { "sender rejected", '2' },
    [STEP_RCPT] = { "recipient rejected", '2' },
    [STEP_DATA] = { "data rejected", '3' },
    [STEP_CONTENT] = { "end of data rejected", '2' },
};

static void mail_again(struct talk *t)
{
    struct session *s = CONTAINER_OF(t, struct session, sender.talk);

    say_mail(s, &t->out);
}

static void message_done(struct session *s, struct talk *t)
{
    struct source *source = s->sender.source;

    if (--s->verdicts_left)
        return;
    source_count(&s->sender);
    if (!generator_of(s)->keeps || !source_take(&s->sender))
        say_quit(s, &t->out);
    else if (source->wait_s)
        talk_pause(t, source_wait_ms(source), mail_again);
    else
        say_mail(s, &t->out);
}

/* The answer to what was said last; next comes ... */
static void answered(struct session *s, struct talk *t)
{
    switch (s->step) {
    case STEP_CONNECT:
        if (generator_of(s)->is_old)
            say_mail(s, &t->out);
        else
            say_hello(s, &t->out);
        break;
    case STEP_HELLO:
        say_mail(s, &t->out);
        break;
    case STEP_MAIL:
    case STEP_RCPT:
        if (s->rcpts < s->sender.source->recipients)
            say_rcpt(s, &t->out);
        else
            say_data(s, &t->out);
        break;
    case STEP_DATA:
        say_content(s, &t->out);
        break;
    case STEP_CONTENT:
        message_done(s, t);
        break;
    case STEP_RSET:
        say_quit(s, &t->out);
        break;
    case STEP_QUIT:
        talk_end(t);
        break;
    }
}

/* What else the server may answer is nothing to stop at. */
static bool must_be_yes(const struct session *s) { return s->step < STEP_RSET; }

static void hear_line(struct session *s, struct talk *t, struct str line)
{
    if (line.len > 3 && line.ptr[3] == '-')
        return;
    log_debug("<<< " STR_FMT, STR_ARG(line));
    if (!must_be_yes(s) || (line.len && line.ptr[0] == steps[s->step].class)) {
        answered(s, t);
        return;
    }
    if (!generator_of(s)->goes_on)
        log_fatal("%s: " STR_FMT, steps[s->step].what, STR_ARG(line));
    log_warning("%s: " STR_FMT, steps[s->step].what, STR_ARG(line));
    if (s->step == STEP_CONTENT)
        message_done(s, t);
    else
        say_rset(s, &t->out);
}

static void hear(struct talk *t, struct str *in)
{
    struct session *s = CONTAINER_OF(t, struct session, sender.talk);

    while (!t->ending && !t->timer && str_has(*in, '\n')) {
        struct str line = str_cut(in, '\n');
        if (str_ends(line, STR("\r")))
            line.len--;
        hear_line(s, t, line);
    }
}

static void begin(struct talk *t)
{
    CONTAINER_OF(t, struct session, sender.talk)->step = STEP_CONNECT;
}

static void gone(struct talk *t, int error)
{
    struct session *s = CONTAINER_OF(t, struct session, sender.talk);

    if (error && !t->connecting && must_be_yes(s) && !generator_of(s)->goes_on)
        log_fatal("lost connection: %s",
                  error == TALK_EOF ? "the server hung up" : strerror(error));
    source_gone(&s->sender, t->connecting ? error : 0);
}

static const struct talk_kind kind = { .begin = begin, .hear = hear, .gone = gone };

/* ---- the message ---- */

static void read_body(struct generator *g, const char *path)
{
    BUF_AUTO(text, 0);
    struct str line, rest;

    if (!fd_read_file(AT_FDCWD, path, &text))
        log_fatal("open %s: %s", path, strerror(errno));
    for (rest = buf_str(&text); rest.len;) {
        line = str_cut(&rest, '\n');
        if (str_starts(line, STR(".")))
            buf_addc(&g->body, '.');
        buf_join(&g->body, line, STR("\r\n"));
    }
    g->is_ready_made = true;
}

static void make_body(struct generator *g, const char *path)
{
    if (path)
        read_body(g, path);
    else if (g->source.length)
        source_put_payload(g->source.length, STR("\r\n"), &g->body);
    else
        buf_add(&g->body, STR("This is a test message.\r\nIts text does not matter.\r\n"));
    buf_add(&g->body, STR(".\r\n"));
}

NORETURN static void usage(void)
{
    log_fatal("usage: smtp-source [-46AcdLNov] [-C count] [-f from] [-F file] [-l length] [-m "
              "messages] [-M myhostname] "
              "[-r recipients] [-R interval] [-s sessions] [-S subject] [-t to] [-T windowsize] "
              "[-w interval] "
              "host[:port]");
}

int main(int argc, char **argv)
{
    static struct generator g;
    const char *file = NULL;
    int letter;

    command_begin("smtp-source", 1);
    command_stay_out_of_log();
    (void)signal(SIGPIPE, SIG_IGN);
    source_init(&g.source);
    while ((letter = getopt(argc, argv, LETTERS)) != -1) {
        switch (letter) {
        case 'A':
            g.goes_on = true;
            break;
        case 'd':
            g.keeps = true;
            break;
        case 'F':
            file = optarg;
            break;
        case 'L':
            g.is_lmtp = true;
            break;
        case 'N':
            g.source.numbers_all = true;
            break;
        case 'o':
            g.is_old = true;
            break;
        case 'S':
            g.subject = optarg;
            break;
        default:
            if (!source_option(&g.source, letter, optarg))
                usage();
        }
    }
    if (argc - optind != 1)
        usage();
    g.body = BUF_INIT(0);
    make_body(&g, file);
    g.source.kind = &kind;
    g.source.sender_size = sizeof(struct session);
    source_run(&g.source, argv[optind], "25");
}
