/* qmqp-source - send many messages by QMQP, in many sessions at once: load for tests.
 *
 * Runs as:   whoever calls it
 * Distrusts: the server, which can make it do no more than stop */
#include "base/log.h"
#include "base/netstring.h"
#include "conf/command.h"
#include "tools/traffic/source.h"

#include <signal.h>
#include <unistd.h>

#define LETTERS    SOURCE_LETTERS
#define ANSWER_MAX 4096 /* of the server's netstring */

#define LENGTH_DEFAULT 1024

static void put_netstring(struct buf *out, const char *text) { netstring_put(out, str_from(text)); }

/* The length counts the headers too. */
static void put_message(const struct sender *sender, struct buf *out)
{
    size_t length = sender->source->length;

    source_put_headers(sender, NULL, STR("\n"), out);
    if (length > out->len)
        source_put_payload(length - out->len, STR("\n"), out);
}

/* One netstring of all: the message, who sends it, who gets it. */
static void begin(struct talk *t)
{
    struct sender *sender = CONTAINER_OF(t, struct sender, talk);
    struct source *s = sender->source;
    BUF_AUTO(message, 0);
    BUF_AUTO(package, 0);
    BUF_AUTO(rcpt, 0);

    put_message(sender, &message);
    netstring_put(&package, buf_str(&message));
    put_netstring(&package, s->from);
    for (int i = 1; i <= s->recipients; i++) {
        buf_clear(&rcpt);
        source_put_recipient(s, i, &rcpt);
        netstring_put(&package, buf_str(&rcpt));
    }
    netstring_put(&t->out, buf_str(&package));
}

NORETURN static void bad_netstring(void)
{
    log_fatal("netstring format error while receiving server reply");
}

NORETURN static void refused(struct str answer)
{
    const char *kind = str_starts(answer, STR("Z"))   ? "recoverable"
                       : str_starts(answer, STR("D")) ? "unrecoverable"
                                                      : "unknown";

    log_fatal("%s error: " STR_FMT, kind, STR_ARG(str_skip(answer, 1)));
}

static void hear(struct talk *t, struct str *in)
{
    struct sender *sender = CONTAINER_OF(t, struct sender, talk);
    struct str head = *in, answer;
    size_t length;

    switch (netstring_take_head(&head, ANSWER_MAX, &length)) {
    case NETSTRING_MORE:
        return;
    case NETSTRING_LONG:
    case NETSTRING_BAD:
        bad_netstring();
    case NETSTRING_OK:
        break;
    }
    if (head.len <= length)
        return;
    if (!netstring_take(in, &answer))
        bad_netstring();
    log_debug("<<< " STR_FMT, STR_ARG(answer));
    if (!str_starts(answer, STR("K")))
        refused(answer);
    source_count(sender);
    talk_end(t);
}

static void gone(struct talk *t, int error)
{
    if (error && !t->connecting)
        log_fatal("lost connection while receiving server reply");
    source_gone(CONTAINER_OF(t, struct sender, talk), error);
}

static const struct talk_kind kind = { .begin = begin, .hear = hear, .gone = gone };

NORETURN static void usage(void)
{
    log_fatal(
        "usage: qmqp-source [-46cv] [-C count] [-f from] [-l length] [-m messages] [-M myhostname] "
        "[-r recipients] [-R interval] [-s sessions] [-t to] [-w interval] host[:port]");
}

int main(int argc, char **argv)
{
    static struct source s;
    int letter;

    command_begin("qmqp-source", 1);
    command_stay_out_of_log();
    (void)signal(SIGPIPE, SIG_IGN);
    source_init(&s);
    s.length = LENGTH_DEFAULT;
    while ((letter = getopt(argc, argv, LETTERS)) != -1)
        if (!source_option(&s, letter, optarg))
            usage();
    if (argc - optind != 1)
        usage();
    s.kind = &kind;
    s.sender_size = sizeof(struct sender);
    source_run(&s, argv[optind], "628");
}
