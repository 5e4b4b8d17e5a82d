/* qmqp-sink - take mail by QMQP and throw it away: the other end for tests.
 *
 * Runs as:   whoever calls it
 * Distrusts: every byte from the client */
#include "base/log.h"
#include "base/mem.h"
#include "base/netstring.h"
#include "base/number.h"
#include "conf/command.h"
#include "tools/traffic/server.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LETTERS         "46cvx:"
#define CLIENTS_MAX     256
#define TIMEOUT_DEFAULT 100

struct sink {
    struct server server;
    int64_t messages;
    int64_t ends_after_ms; /* -x; 0: never */
};

struct session {
    struct talk talk;
    struct sink *sink;
    bool begun;      /* the head of the package was read */
    size_t expected; /* bytes still to come, the comma among them */
};

static void answer(struct session *s)
{
    netstring_put(&s->talk.out, STR("KOk"));
    s->sink->messages++;
    s->sink->server.changed = true;
    talk_end(&s->talk);
}

static void hear(struct talk *t, struct str *in)
{
    struct session *s = CONTAINER_OF(t, struct session, talk);

    if (!s->begun) {
        switch (netstring_take_head(in, SIZE_MAX / 2, &s->expected)) {
        case NETSTRING_MORE:
            return;
        case NETSTRING_LONG:
        case NETSTRING_BAD:
            log_warning("netstring format error");
            talk_end(t);
            return;
        case NETSTRING_OK:
            s->begun = true;
            s->expected++;
        }
    }
    size_t taken = MIN(in->len, s->expected);
    log_debug("<<< " STR_FMT, STR_ARG(str_sub(*in, 0, taken)));
    s->expected -= taken;
    *in = str_skip(*in, taken);
    if (s->expected == 0)
        answer(s);
}

static void gone(struct talk *t, int error)
{
    struct session *s = CONTAINER_OF(t, struct session, talk);
    struct server *server = &s->sink->server;

    if (error && s->begun)
        log_warning("lost connection");
    free(s);
    server_left(server);
}

static const struct talk_kind kind = { .hear = hear, .gone = gone };

static void accept_client(struct server *server, int fd, const struct net_addr *from)
{
    struct session *s = mem_alloc(sizeof *s);

    (void)from;
    s->sink = CONTAINER_OF(server, struct sink, server);
    talk_start(&server->talks, &s->talk, &kind, fd, false);
}

static void show(struct server *server, struct buf *out)
{
    buf_add_int(out, CONTAINER_OF(server, struct sink, server)->messages);
}

static void end_now(void *context) { ((struct server *)context)->ended = true; }

NORETURN static void usage(void)
{
    log_fatal("usage: qmqp-sink [-46cv] [-x time] [host]:port backlog");
}

static void set_option(struct sink *k, int letter, const char *value)
{
    int64_t seconds;

    switch (letter) {
    case '4':
    case '6':
        k->server.family = letter == '4' ? AF_INET : AF_INET6;
        break;
    case 'c':
        k->server.counts = true;
        break;
    case 'v':
        command_more_verbose();
        break;
    case 'x':
        if (!number_parse_range(str_from(value), 1, INT_MAX, &seconds))
            usage();
        k->ends_after_ms = seconds * 1000;
        break;
    default:
        usage();
    }
}

int main(int argc, char **argv)
{
    static struct sink k = {
        .server = { .clients_max = CLIENTS_MAX, .accept = accept_client, .show = show }
    };
    int letter;

    command_begin("qmqp-sink", 1);
    command_stay_out_of_log();
    (void)signal(SIGPIPE, SIG_IGN);
    while ((letter = getopt(argc, argv, LETTERS)) != -1)
        set_option(&k, letter, optarg);
    if (argc - optind != 2)
        usage();
    talks_init(&k.server.talks, TIMEOUT_DEFAULT);
    server_open(&k.server, argv[optind], argv[optind + 1]);
    if (k.ends_after_ms)
        (void)loop_timer_start(k.server.talks.loop, k.ends_after_ms, end_now, &k.server);
    server_run(&k.server);
    return 0;
}
