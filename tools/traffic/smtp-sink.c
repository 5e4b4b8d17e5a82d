/* smtp-sink - take mail by SMTP or LMTP and throw it away: the other end for tests.
 *
 * Runs as:   whoever calls it; root has to name another user
 * Distrusts: every byte from the client */
#include "tools/traffic/smtp-sink.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "conf/command.h"
#include "os/logger.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define LETTERS         "468aA:b:B:cCd:D:eEf:Fh:H:Lm:M:n:NpPq:Q:r:R:s:S:t:T:u:vw:W:"
#define CLIENTS_DEFAULT 256
#define TIMEOUT_DEFAULT 100

static int64_t number(const char *text, int64_t least, int64_t most, const char *what)
{
    int64_t value;

    if (!number_parse_range(str_from(text), least, most, &value))
        log_fatal("bad %s: %s", what, text);
    return value;
}

static enum sink_word find_word(struct str text)
{
    enum sink_word word = sink_word_find(text);

    if (word == WORD_COUNT)
        log_fatal("unknown command: " STR_FMT, STR_ARG(text));
    return word;
}

/* `command,command,...` are answered so. */
static void set_answers(struct sink *k, const char *words, enum sink_answer answer)
{
    struct str rest = str_from(words), word;

    while (str_token(&rest, ", \t\r\n", &word))
        k->manners[find_word(word)].answer = answer;
}

static void set_logged(struct sink *k, const char *words)
{
    struct str rest = str_from(words), word;

    while (str_token(&rest, ", \t\r\n", &word))
        k->manners[find_word(word)].logged = true;
}

/* -W command:delay[:odds] */
static void set_delay(struct sink *k, const char *text)
{
    struct str rest = str_from(text);
    struct sink_manner *m = &k->manners[find_word(str_cut(&rest, ':'))];
    struct str delay = str_cut(&rest, ':');
    int64_t seconds, odds = 0;

    if (!number_parse_range(delay, 0, INT_MAX, &seconds) ||
        (rest.len && !number_parse_range(rest, 1, 99, &odds)))
        log_fatal("invalid command delay argument: %s", text);
    m->delay_s = (int)seconds;
    m->odds = (int)odds;
}

static void set_dump(struct sink *k, const char *template, bool appends)
{
    if (k->dump.template)
        log_fatal("use only one of -d or -D, but not both");
    k->dump.template = template;
    k->dump.appends = appends;
}

NORETURN static void usage(void)
{
    log_fatal(
        "usage: smtp-sink [-468acCeEFLNpPv] [-A abort_delay] [-b soft_bounce_reply] [-B "
        "hard_bounce_reply] "
        "[-d dump-template] [-D dump-template] [-f commands] [-h hostname] [-H delay] [-m "
        "max_concurrency] "
        "[-M message_quit_count] [-n quit_count] [-q commands] [-Q commands] [-r commands] [-R "
        "root_dir] "
        "[-s commands] [-S start-string] [-t timeout] [-T windowsize] [-u user_privs] [-w delay] "
        "[-W command:delay[:odds]] [inet:][host]:port backlog");
}

/* Options without a value; false for another letter. */
static bool set_switch(struct sink *k, int letter)
{
    const struct {
        char letter;
        bool *what;
    } switches[] = {
        { '8', &k->hides_8bit },       { 'a', &k->hides_auth },  { 'c', &k->server.counts },
        { 'C', &k->hides_xclient },    { 'e', &k->hides_esmtp }, { 'E', &k->hides_status },
        { 'F', &k->hides_xforward },   { 'L', &k->is_lmtp },     { 'N', &k->hides_dsn },
        { 'p', &k->hides_pipelining }, { 'P', &k->is_pix },
    };

    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        if (switches[i].letter != letter)
            continue;
        *switches[i].what = true;
        return true;
    }
    return false;
}

static void set_option(struct sink *k, int letter, const char *value)
{
    switch (letter) {
    case '4':
    case '6':
        k->server.family = letter == '4' ? AF_INET : AF_INET6;
        break;
    case 'A':
        k->abort_delay = (int)number(value, 0, INT_MAX, "abort delay");
        break;
    case 'b':
        k->soft_reply = value;
        break;
    case 'B':
        k->hard_reply = value;
        break;
    case 'd':
    case 'D':
        set_dump(k, value, letter == 'D');
        break;
    case 'f':
        set_answers(k, value, ANSWER_HARD);
        k->hides_pipelining = true;
        break;
    case 'h':
        k->host = value;
        break;
    case 'H':
        k->data_read_delay = (int)number(value, 1, INT_MAX, "data read delay");
        break;
    case 'm':
        k->server.clients_max = (int)number(value, 1, INT_MAX, "concurrency limit");
        break;
    case 'M':
        k->messages_max = number(value, 1, INT64_MAX, "message quit count");
        break;
    case 'n':
        k->sessions_max = number(value, 1, INT64_MAX, "quit count");
        break;
    case 'q':
        set_answers(k, value, ANSWER_HANG_UP);
        break;
    case 'Q':
        set_answers(k, value, ANSWER_421);
        break;
    case 'r':
        set_answers(k, value, ANSWER_SOFT);
        k->hides_pipelining = true;
        break;
    case 'R':
        k->server.root = value;
        break;
    case 's':
        set_logged(k, value);
        break;
    case 'S':
        dump_set_start(&k->dump, value);
        break;
    case 't':
        k->server.talks.timeout_s = (int)number(value, 1, INT_MAX, "timeout");
        break;
    case 'T':
        k->server.window = (int)number(value, 1, 65535, "TCP window size");
        break;
    case 'u':
        k->server.user = value;
        break;
    case 'v':
        command_more_verbose();
        break;
    case 'w':
        k->manners[WORD_DATA].delay_s = (int)number(value, 1, INT_MAX, "delay");
        break;
    case 'W':
        set_delay(k, value);
        break;
    default:
        if (!set_switch(k, letter))
            usage();
    }
}

static void accept_client(struct server *server, int fd, const struct net_addr *from)
{
    struct sink *k = CONTAINER_OF(server, struct sink, server);
    struct session *s = mem_alloc(sizeof *s);

    s->sink = k;
    if (k->dump.template) {
        if (from->ss.ss_family == AF_INET6)
            buf_add(&s->client, STR("ipv6:"));
        if (!net_addr_format(from, &s->client))
            buf_add(&s->client, STR("127.0.0.1"));
    }
    talk_start(&server->talks, &s->talk, &sink_session_kind, fd, false);
    sink_greet(s);
}

static void show(struct server *server, struct buf *out)
{
    const struct sink *k = CONTAINER_OF(server, struct sink, server);

    buf_addf(out, "sess=%lld quit=%lld mesg=%lld", (long long)k->sessions, (long long)k->quits,
             (long long)k->messages);
}

/* -s: the log, besides standard error; while the machine's is still in reach. */
static void open_log(const struct sink *k)
{
    const struct logger_options options = { .tag = "smtp-sink",
                                            .hostname = k->host,
                                            .file_fd = -1,
                                            .facility = "mail",
                                            .to_stderr = true,
                                            .program = "smtp-sink" };

    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (!k->manners[i].logged)
            continue;
        logger_init(&options);
        return;
    }
}

int main(int argc, char **argv)
{
    static struct sink k = { .abort_delay = -1,
                             .soft_reply = "450 4.3.0 Error: command failed",
                             .hard_reply = "500 5.3.0 Error: command failed" };
    char host[256];
    int letter;

    command_begin("smtp-sink", 1);
    command_stay_out_of_log();
    (void)signal(SIGPIPE, SIG_IGN);
    if (gethostname(host, sizeof host) != 0)
        log_fatal("gethostname: %s", strerror(errno));
    k.host = host;
    k.server.clients_max = CLIENTS_DEFAULT;
    k.server.talks.timeout_s = TIMEOUT_DEFAULT;
    k.server.must_drop = true;
    k.server.accept = accept_client;
    k.server.show = show;
    while ((letter = getopt(argc, argv, LETTERS)) != -1)
        set_option(&k, letter, optarg);
    if (argc - optind != 2)
        usage();
    if (k.is_pix)
        k.hides_esmtp = true;
    open_log(&k);
    talks_init(&k.server.talks, k.server.talks.timeout_s);
    server_open(&k.server, argv[optind], argv[optind + 1]);
    server_run(&k.server);
    return 0;
}
