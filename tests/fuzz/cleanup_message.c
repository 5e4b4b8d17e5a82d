/* Any bytes as the records of a submission: what is accepted is a sound queue file that holds as many
 * recipients and as much content as its first record says; what is refused leaves nothing. */
#include "cleanup/receive.h"
#include "queue/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cleanup cleanup;
static struct conf *conf;

static void check(bool holds)
{
    if (!holds)
        abort();
}

static char dir[64];

static void remove_dir(void)
{
    (void)!(chdir(dir) || rmdir("incoming") || rmdir("hold") || chdir("/") || rmdir(dir));
}

static void make_dir(void)
{
    /* Memory does not wait for fsync. */
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    snprintf(dir, sizeof dir, "%s/relevo-fuzz-XXXXXX", base);
    check(mkdtemp(dir) != NULL && chdir(dir) == 0 && mkdir("incoming", 0700) == 0 &&
          mkdir("hold", 0700) == 0);
    atexit(remove_dir);
}

static void set_up(void)
{
    static const char *const settings[][2] = {
        { "inet_interfaces", "127.0.0.1" },
        { "inet_protocols", "ipv4" },
        { "myhostname", "mx.example.com" },
        { "mydomain", "example.com" },
        { "mydestination", "mx.example.com" },
        { "header_size_limit", "3000" },
        { "message_size_limit", "20000" },
        { "compatibility_level", "3.11" },
        { "virtual_alias_maps", "inline:{{a@b=c@d,e@f} {l@m=l@m,n}}" },
        { "canonical_maps", "inline:{{c@d=x@y}}" },
        { "bounce_service_name", "none" },
        { "trace_service_name", "none" },
    };

    conf = conf_new();
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        conf_override(conf, str_from(settings[i][0]), str_from(settings[i][1]));
    conf_fill(conf, &site_param_set, &site_conf);
    conf_fill(conf, &table_param_set, &table_conf);
    conf_fill(conf, &cleanup_param_set, &cleanup_conf);
    conf_fill(conf, &tls_param_set, &tls_conf);
    make_dir();
    cleanup_setup(&cleanup, conf);
}

struct totals {
    struct record_size size;
    int64_t recipients, content, data_at, text_end;
};

static void read_file(const char *queue, const struct queue_id *id, struct totals *t)
{
    struct queue_file f;
    struct record rec;
    char last = 0;

    queue_file_init(&f, queue_open(&cleanup.layout, queue, id, O_RDONLY));
    check(f.fd >= 0);
    while (queue_file_read(&f, &rec) == QUEUE_READ_RECORD) {
        if (rec.type == REC_SIZE && f.record_at == 0)
            check(record_size_parse(rec.payload, &t->size));
        if (rec.type == REC_RCPT)
            t->recipients++;
        if (rec.type == REC_MESSAGE)
            t->data_at = f.next;
        if (rec.type == REC_EXTRACTED)
            t->text_end = f.record_at;
        last = rec.type;
    }
    check(last == REC_END);
    queue_file_close(&f);
}

static void submit(struct str records, int flags)
{
    struct cleanup_open open = { .flags = flags };
    struct message m;

    check(message_begin(&m, &cleanup, &open));
    struct queue_id id = cleanup.writer.id;
    message_records(&m, records);
    bool discarded = m.flags & CLEANUP_FLAG_DISCARD;
    const char *queue = m.flags & CLEANUP_FLAG_HOLD ? "hold" : "incoming";
    struct cleanup_verdict v = message_finish(&m);
    message_end(&m);
    if (v.status == CLEANUP_OK && !discarded) {
        struct totals t = { 0 };
        read_file(queue, &id, &t);
        check(t.size.rcpt_count == t.recipients && t.recipients > 0);
        check(t.size.data_offset == t.data_at && t.size.content_size == t.text_end - t.data_at);
        check(queue_remove(&cleanup.layout, queue, &id));
    } else {
        struct stat st;
        check(!queue_stat(&cleanup.layout, queue, &id, &st));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = { (const char *)data, size };

    if (cleanup.rewriter == NULL)
        set_up();
    cleanup.has_checks = false;
    submit(in, CLEANUP_FLAGS_EXTERNAL);
    cleanup.has_checks = true; /* the thorough way */
    submit(in, CLEANUP_FLAGS_EXTERNAL);
    return 0;
}
