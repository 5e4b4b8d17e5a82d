/* postcat - show queue files. */
#include "base/log.h"
#include "conf/command.h"
#include "os/fd.h"
#include "queue/dir.h"
#include "tools/postcat/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const queues[] = { QUEUE_MAILDROP, QUEUE_HOLD,     QUEUE_INCOMING,
                                      QUEUE_ACTIVE,   QUEUE_DEFERRED, QUEUE_CORRUPT };

struct postcat {
    struct dump_options show;
    bool by_id;    /* -q */
    int64_t start; /* -s */
    const char *config_dir;
    struct queue_layout layout;
    struct buf out;
};

NORETURN static void usage(void)
{
    log_fatal("usage: postcat [-b (body text)] [-c config_dir] [-d (decimal record type)] [-e "
              "(envelope records)] "
              "[-f (prepend file name)] [-h (header text)] [-o (file offset)] [-q (access queue)] "
              "[-r (raw file access)] [-s offset (skip to offset)] [-v] [file(s)...]");
}

static int64_t parse_offset(const char *text)
{
    char *end;
    long long value = strtoll(text, &end, 10);

    if (*end || end == text || value < 0)
        log_fatal("bad offset: %s", text);
    return value;
}

static void parse_options(struct postcat *p, int argc, char **argv)
{
    struct dump_options *o = &p->show;
    int letter;

    while ((letter = getopt(argc, argv, "+bc:defhnoqrs:v")) != -1) {
        switch (letter) {
        case 'b':
            o->body = true;
            break;
        case 'c':
            p->config_dir = optarg;
            break;
        case 'd':
            o->types = true;
            break;
        case 'e':
            o->envelope = true;
            break;
        case 'f':
            o->file_names = true;
            break;
        case 'h':
            o->header = true;
            break;
        case 'n':
            break; /* what we do anyway */
        case 'o':
            o->offsets = true;
            break;
        case 'q':
            p->by_id = true;
            break;
        case 'r':
            o->raw = true;
            break;
        case 's':
            p->start = parse_offset(optarg);
            break;
        case 'v':
            o->verbose = true;
            break;
        default:
            usage();
        }
    }
    if (!o->envelope && !o->header && !o->body)
        o->envelope = o->header = o->body = true;
}

static void write_out(struct buf *out)
{
    if (!fd_write_all(STDOUT_FILENO, buf_str(out)))
        log_fatal("write error: %s", strerror(errno));
    buf_clear(out);
}

/* A queue file begins with its size or, from postdrop, with a time. */
static bool looks_like_queue_file(char type) { return type == REC_SIZE || type == REC_TIME; }

static void show(struct postcat *p, int fd, const char *name)
{
    struct queue_file f;
    BUF_AUTO(why, 0);
    char type;

    ssize_t n = p->start > 0 ? 0 : pread(fd, &type, 1, 0);
    if (p->start == 0 && (n != 1 || !looks_like_queue_file(type))) {
        if (n) /* nothing at all is no fault */
            log_warning("%s: input is not a valid queue file", name);
        close(fd);
        return;
    }
    queue_file_init(&f, fd);
    queue_file_seek(&f, p->start);
    bool whole = dump_file(&f, name, &p->show, &p->out, write_out, &why);
    write_out(&p->out);
    queue_file_close(&f);
    if (!whole) {
        log_warning("%s: " STR_FMT, name, STR_ARG(buf_str(&why)));
        log_fatal("record read error");
    }
}

static void show_by_id(struct postcat *p, const char *text)
{
    struct queue_id id;
    BUF_AUTO(path, 0);

    if (!queue_id_parse(str_from(text), &id))
        log_fatal("bad mail queue ID: %s", text);
    for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
        int fd = queue_open(&p->layout, queues[i], &id, O_RDONLY | O_NONBLOCK);
        if (fd < 0 && errno != ENOENT)
            log_fatal("open queue file %s: %s", text, strerror(errno));
        if (fd < 0)
            continue;
        queue_path(&p->layout, queues[i], &id, &path);
        show(p, fd, buf_cstr(&path));
        return;
    }
    log_fatal("open queue file %s: %s", text, strerror(ENOENT));
}

static void show_by_name(struct postcat *p, const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        log_fatal("open %s: %s", name, strerror(errno));
    show(p, fd, name);
}

/* Pointers need a file that can be read anywhere. */
static int seekable_stdin(void)
{
    BUF_AUTO(all, 0);
    char name[] = "/tmp/postcat.XXXXXX";
    int fd;

    if (lseek(STDIN_FILENO, 0, SEEK_CUR) >= 0)
        return dup(STDIN_FILENO);
    if (!fd_read_all(STDIN_FILENO, &all))
        log_fatal("read standard input: %s", strerror(errno));
    fd = mkstemp(name);
    if (fd < 0 || unlink(name) != 0 || !fd_write_all(fd, buf_str(&all)))
        log_fatal("copy standard input: %s", strerror(errno));
    return fd;
}

int main(int argc, char **argv)
{
    struct postcat p = { .start = 0 };

    command_begin("postcat", 1);
    command_stay_out_of_log();
    parse_options(&p, argc, argv);
    struct conf *conf = command_conf(p.config_dir);
    p.layout.hashed_names = conf_value(conf, STR("hash_queue_names"));
    p.layout.depth = site_conf.hash_queue_depth;
    if (p.by_id)
        command_enter_queue(conf);
    if (optind == argc && !p.by_id)
        show(&p, seekable_stdin(), "stdin");
    for (int i = optind; i < argc; i++) {
        if (p.by_id)
            show_by_id(&p, argv[i]);
        else
            show_by_name(&p, argv[i]);
    }
    buf_free(&p.out);
    return 0;
}
