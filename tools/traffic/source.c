#include "tools/traffic/source.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "conf/command.h"
#include "text/date.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LINE_LENGTH 80 /* of the payload, with its line end */
#define RETRY_MS    10 /* after a refused connection, before the next try */
#define HOST_MAX    256

static int64_t number(const char *text, const char *what)
{
    int64_t value;

    if (!number_parse_range(str_from(text), 1, INT_MAX, &value))
        log_fatal("bad %s: %s", what, text);
    return value;
}

static const char *own_name(void)
{
    static char name[HOST_MAX];

    if (gethostname(name, sizeof name - 1) != 0)
        log_fatal("gethostname: %s", strerror(errno));
    return name;
}

static void set_wait(struct source *s, const char *value, bool randomly)
{
    if (s->wait_s && s->waits_randomly != randomly)
        log_fatal("do not use -w and -R options at the same time");
    s->wait_s = (int)number(value, "delay");
    s->waits_randomly = randomly;
}

void source_init(struct source *s)
{
    s->tries = s->recipients = s->sessions = 1;
    s->messages = 1;
    s->host = own_name();
}

static bool set_text(struct source *s, int letter, const char *value)
{
    const struct {
        char letter;
        const char **text;
    } texts[] = { { 'f', &s->from }, { 'M', &s->host }, { 't', &s->rcpt } };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].letter == letter) {
            *texts[i].text = value;
            return true;
        }
    return false;
}

static bool set_number(struct source *s, int letter, const char *value)
{
    const struct {
        char letter;
        int *number;
        const char *what; /* the number is */
    } numbers[] = {
        { 'C', &s->tries, "connection count" },
        { 'r', &s->recipients, "recipient count" },
        { 's', &s->sessions, "session count" },
        { 'T', &s->to.window, "TCP window size" },
    };

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (numbers[i].letter == letter) {
            *numbers[i].number = (int)number(value, numbers[i].what);
            return true;
        }
    return false;
}

bool source_option(struct source *s, int letter, const char *value)
{
    if (set_text(s, letter, value) || set_number(s, letter, value))
        return true;
    switch (letter) {
    case '4':
    case '6':
        s->family = letter == '4' ? AF_INET : AF_INET6;
        return true;
    case 'c':
        s->counts = true;
        return true;
    case 'l':
        s->length = (size_t)number(value, "message length");
        return true;
    case 'm':
        s->messages = number(value, "message count");
        return true;
    case 'R':
    case 'w':
        set_wait(s, value, letter == 'R');
        return true;
    case 'v':
        command_more_verbose();
        return true;
    default:
        return false;
    }
}

/* ---- sessions ---- */

static void connect_sender(struct sender *sender)
{
    struct source *s = sender->source;
    int fd = endpoint_connect(&s->to, sender->address);

    if (fd < 0)
        source_gone(sender, errno);
    else
        talk_start(&s->talks, &sender->talk, s->kind, fd, true);
}

static void begin_connecting(void *context)
{
    struct sender *sender = context;

    sender->tries_left = sender->source->tries;
    sender->address = 0;
    connect_sender(sender);
}

static void connect_again(void *context) { connect_sender(context); }

int64_t source_wait_ms(const struct source *s)
{
    int64_t ms = (int64_t)s->wait_s * 1000;

    /* For tests of time: nobody guesses at it. NOLINTNEXTLINE(cert-msc30-c,cert-msc50-cpp,concurrency-mt-unsafe) */
    return s->waits_randomly ? rand() % (ms + 1) : ms;
}

static void wait_and_connect(struct sender *sender)
{
    (void)loop_timer_start(sender->source->talks.loop, source_wait_ms(sender->source),
                           begin_connecting, sender);
}

bool source_take(struct sender *sender)
{
    struct source *s = sender->source;

    if (s->started == s->messages)
        return false;
    sender->message = ++s->started;
    return true;
}

void source_count(struct sender *sender)
{
    struct source *s = sender->source;

    s->delivered++;
    if (!s->counts)
        return;
    (void)printf("%lld\r", (long long)s->delivered);
    (void)fflush(stdout);
}

/* Of a connection that was being made: the next address, then once more from the first. */
static void try_again(struct sender *sender, int error)
{
    struct source *s = sender->source;

    if (++sender->address < s->to.count) {
        connect_sender(sender);
        return;
    }
    sender->address = 0;
    if (--sender->tries_left <= 0 || (error != ECONNREFUSED && error != ECONNRESET))
        log_fatal("connect: %s", strerror(error));
    (void)loop_timer_start(s->talks.loop, RETRY_MS, connect_again, sender);
}

void source_gone(struct sender *sender, int error)
{
    struct source *s = sender->source;

    if (sender->talk.connecting || error > 0)
        try_again(sender, error);
    else if (source_take(sender))
        wait_and_connect(sender);
    else
        s->sessions--;
}

static void start_sessions(struct source *s)
{
    int count = (int)MIN(s->sessions, s->messages);

    s->sessions = count;
    for (int i = 0; i < count; i++) {
        struct sender *sender = mem_alloc(s->sender_size);
        sender->source = s;
        (void)source_take(sender);
        wait_and_connect(sender);
    }
}

static void complete_addresses(struct source *s)
{
    static char fallback[HOST_MAX + 8];

    (void)snprintf(fallback, sizeof fallback, "foo@%s", s->host);
    if (s->from == NULL)
        s->from = fallback;
    if (s->rcpt == NULL)
        s->rcpt = fallback;
}

void source_run(struct source *s, const char *to, const char *port)
{
    endpoint_resolve(to, s->family, port, &s->to);
    complete_addresses(s);
    talks_init(&s->talks, 0);
    start_sessions(s);
    while (s->sessions)
        loop_run_once(s->talks.loop, -1);
    if (s->counts)
        (void)putchar('\n');
    exit(0);
}

/* ---- what is sent ---- */

void source_put_recipient(struct source *s, int number, struct buf *out)
{
    if (s->numbers_all)
        buf_add_int(out, ++s->recipients_named);
    else if (number > 1)
        buf_add_int(out, number);
    buf_add_cstr(out, s->rcpt);
}

void source_put_headers(const struct sender *sender, const char *subject, struct str newline,
                        struct buf *out)
{
    const struct source *s = sender->source;
    struct str nl = newline;
    time_t now = time(NULL);
    struct tm local;

    (void)localtime_r(&now, &local);
    buf_join(out, STR("From: <"), str_from(s->from), STR(">"), nl, STR("To: <"), str_from(s->rcpt),
             STR(">"), nl, STR("Date: "));
    date_format(&local, local.tm_gmtoff, str_from_null(local.tm_zone), out);
    buf_join(out, nl, STR("Message-Id: <"));
    buf_addf(out, "%llx.%x.%llx@%s>", (long long)now, (unsigned)getpid(),
             (long long)sender->message, s->host);
    buf_add(out, nl);
    if (subject)
        buf_join(out, STR("Subject: "), str_from(subject), nl);
    buf_add(out, nl);
}

void source_put_payload(size_t length, struct str newline, struct buf *out)
{
    while (length) {
        size_t line = MIN(length, LINE_LENGTH - newline.len);
        char *at = buf_reserve(out, line);
        memset(at, 'X', line);
        out->len += line;
        buf_add(out, newline);
        length -= MIN(length, LINE_LENGTH);
    }
}
