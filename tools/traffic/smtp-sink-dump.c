/* Messages that are kept: one a file (-d), or many (-D). */
#include "base/log.h"
#include "base/mem.h"
#include "text/date.h"
#include "text/escape.h"
#include "tools/traffic/smtp-sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_MAX_LENGTH 1024

void dump_set_start(struct sink_dump *d, const char *text)
{
    escape_decode(str_from(text), &d->start);
}

static void make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            log_fatal("mkdir %s: %s", path, strerror(errno));
        *slash = '/';
    }
}

static void make_id(struct dump_file *d)
{
    unsigned number = 0;

    if (getrandom(&number, sizeof number, 0) != sizeof number)
        log_fatal("getrandom: %s", strerror(errno));
    (void)snprintf(d->id, sizeof d->id, "%08x", number);
}

/* The template of the command line is a format: that is what it is for. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static size_t expand(const char *template, const struct tm *now, char *name, size_t room)
{
    size_t length = strftime(name, room, template, now);

    if (length == 0)
        log_fatal("bad file name template: %s", template);
    return length;
}
#pragma GCC diagnostic pop

static void open_file(struct session *s, const struct tm *now)
{
    const struct sink_dump *d = &s->sink->dump;
    char name[NAME_MAX_LENGTH];
    size_t length = expand(d->template, now, name, sizeof name - sizeof s->dump.id);
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (d->appends ? O_APPEND : O_EXCL);

    make_id(&s->dump);
    if (!d->appends)
        (void)snprintf(name + length, sizeof name - length, "%s", s->dump.id);
    make_parents(name);
    int fd = open(name, flags, 0644);
    if (fd < 0 || (s->dump.file = fdopen(fd, "w")) == NULL)
        log_fatal("open %s: %s", name, strerror(errno));
}

static void put(struct session *s, struct str text)
{
    if (fwrite(text.ptr, 1, text.len, s->dump.file) != text.len)
        log_fatal("write to dump file: %s", strerror(errno));
}

static void put_argument(struct session *s, const char *name, struct str value)
{
    BUF_AUTO(line, 0);

    buf_join(&line, str_from(name), STR(": "), value, STR("\n"));
    put(s, buf_str(&line));
}

static void put_received(struct session *s, const struct tm *now)
{
    struct str helo = s->helo.len ? buf_str(&s->helo) : buf_str(&s->client);
    BUF_AUTO(text, 0);

    buf_join(&text, STR("Received: from "), helo, STR(" (["), buf_str(&s->client), STR("])\n\tby "),
             str_from(s->sink->host), STR(" (smtp-sink) with "), str_from(s->protocol), STR(" id "),
             str_from(s->dump.id), STR(";\n\t"));
    date_format(now, now->tm_gmtoff, str_from_null(now->tm_zone), &text);
    buf_addc(&text, '\n');
    put(s, buf_str(&text));
}

void dump_begin(struct session *s)
{
    time_t seconds = time(NULL);
    struct str rcpts = buf_str(&s->rcpts);
    struct tm now;

    if (s->sink->dump.template == NULL)
        return;
    (void)localtime_r(&seconds, &now);
    open_file(s, &now);
    put(s, buf_str(&s->sink->dump.start));
    put_argument(s, "X-Client-Addr", buf_str(&s->client));
    put_argument(s, "X-Client-Proto", str_from(s->protocol));
    if (s->helo.len)
        put_argument(s, "X-Helo-Args", buf_str(&s->helo));
    put_argument(s, "X-Mail-Args", buf_str(&s->mail));
    while (rcpts.len)
        put_argument(s, "X-Rcpt-Args", str_cut(&rcpts, '\0'));
    put_received(s, &now);
}

void dump_line(struct session *s, struct str line)
{
    if (s->dump.file == NULL)
        return;
    put(s, line);
    put(s, STR("\n"));
}

void dump_end(struct session *s)
{
    if (s->dump.file == NULL)
        return;
    put(s, STR("\n"));
    if (fclose(s->dump.file) != 0)
        log_fatal("write to dump file: %s", strerror(errno));
    s->dump.file = NULL;
}

void dump_drop(struct session *s)
{
    if (s->dump.file)
        (void)fclose(s->dump.file);
    s->dump.file = NULL;
}
