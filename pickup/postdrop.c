/* postdrop - write a message into the maildrop queue, for users who may not write there themselves.
 *
 * Runs as:   the caller, with the group postdrop (set-group-id)
 * Trusts:    main.cf in the default directory, and directories that it names
 * Distrusts: arguments, environment, descriptors, limits and every record on stdin */
#include "base/log.h"
#include "base/number.h"
#include "conf/command.h"
#include "ipc/attr.h"
#include "ipc/messages/cleanup.h"
#include "os/clock.h"
#include "os/fd.h"
#include "pickup/drop_check.h"
#include "pickup/drop_file.h"
#include "pickup/drop_policy.h"
#include "queue/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define READ_SIZE  (64UL * 1024)
#define WRITE_SIZE (256UL * 1024)

struct postdrop {
    struct conf *conf;
    struct drop_check check;
    struct drop_file file;
    struct buf out;     /* records not yet in the file */
    int64_t size;       /* of the whole file so far */
    int64_t size_limit; /* message_size_limit; 0: none */
    bool long_ids;
    bool created;
    bool reply;        /* queue id and status go to stdout */
    struct buf sender; /* for messages */
};

/* ---- outcome ---- */

static void write_reply(const struct postdrop *d, struct buf *text)
{
    attr_put_end(text);
    if (d->reply && !fd_write_all(STDOUT_FILENO, buf_str(text)))
        log_warning("write reply: %s", strerror(errno));
}

/* smtpd -S wants to know the queue id before it sends anything. */
static void announce(const struct postdrop *d)
{
    BUF_AUTO(text, 0);

    attr_put_str(&text, "protocol", STR("postdrop_protocol"));
    attr_put_str(&text, "queue_id", queue_id_str(&d->file.id));
    write_reply(d, &text);
}

static void send_reply(const struct postdrop *d, enum cleanup_status status, const char *reason)
{
    BUF_AUTO(text, 0);

    attr_put_int(&text, "status", status);
    attr_put_str(&text, "reason", str_from(reason));
    write_reply(d, &text);
}

NORETURN static void refuse(struct postdrop *d, enum cleanup_status status, const char *reason)
{
    drop_file_remove();
    send_reply(d, status, reason);
    log_fatal(STR_FMT "(%ld): %s", STR_ARG(buf_str(&d->sender)), (long)getuid(), reason);
}

NORETURN static void refuse_input(struct postdrop *d, const char *why)
{
    drop_file_remove();
    send_reply(d, CLEANUP_BAD, "malformed input");
    log_warning("stdin: %s", why);
    log_fatal("uid=%ld: malformed input", (long)getuid());
}

NORETURN static void fail_write(struct postdrop *d)
{
    enum cleanup_status status = errno == ENOSPC || errno == EDQUOT ? CLEANUP_SPACE : CLEANUP_WRITE;
    const char *text = errno == EFBIG ? "message file too big" : "queue file write error";

    log_warning("maildrop: %s", strerror(errno));
    refuse(d, errno == EFBIG ? CLEANUP_SIZE : status, text);
}

/* ---- records ---- */

static void create_file(struct postdrop *d)
{
    if (!drop_file_create(&d->file, d->long_ids))
        fail_write(d);
    d->created = true;
}

static void write_out(struct postdrop *d)
{
    if (!d->created)
        create_file(d);
    if (!drop_file_write(&d->file, buf_str(&d->out)))
        fail_write(d);
    buf_clear(&d->out);
}

/* What we say ourselves: the time, and the options of a size record that came first. */
static void put_head(struct postdrop *d)
{
    struct record_size size = { .sendopts = d->check.sendopts };
    char text[RECORD_SIZE_BYTES + 1];

    if (size.sendopts) {
        record_size_format(&size, text);
        record_put(&d->out, REC_SIZE, (struct str){ text, RECORD_SIZE_BYTES });
    }
    record_put_time(&d->out, clock_wall());
    d->size = (int64_t)d->out.len;
}

static void keep_record(struct postdrop *d, const struct record *rec)
{
    size_t before = d->out.len;

    record_put(&d->out, rec->type, rec->payload);
    d->size += (int64_t)(d->out.len - before);
    if (d->size_limit > 0 && d->size > d->size_limit)
        refuse(d, CLEANUP_SIZE, "message file too big");
    if (d->out.len >= WRITE_SIZE)
        write_out(d);
}

/* False when the message is complete. */
static bool take_record(struct postdrop *d, const struct record *rec)
{
    enum drop_verdict verdict = drop_check_record(&d->check, rec);

    if (verdict == DROP_BAD)
        refuse_input(d, d->check.why);
    if (verdict == DROP_SKIP)
        return true;
    if (d->size == 0)
        put_head(d);
    if (rec->type == REC_SENDER && d->check.at == SEGMENT_ENVELOPE) {
        buf_add(&d->sender, rec->payload);
        drop_policy_require_sender(d->conf, rec->payload);
    }
    keep_record(d, rec);
    return verdict != DROP_END;
}

/* Records that are complete in `input`; false when the message is. */
static bool take_records(struct postdrop *d, struct buf *input)
{
    struct str rest = buf_str(input);
    struct record rec;
    enum record_take result;
    bool more = true;

    while (more && (result = record_take(&rest, &rec)) == RECORD_OK)
        more = take_record(d, &rec);
    if (more && result == RECORD_BAD)
        refuse_input(d, "bad record");
    buf_consume(input, input->len - rest.len);
    if (more && input->len > RECORD_PAYLOAD_MAX + READ_SIZE)
        refuse_input(d, "a record is too long");
    return more;
}

static void read_message(struct postdrop *d)
{
    BUF_AUTO(input, 0);
    bool more = true, any = false;

    while (more) {
        enum io_result result = fd_read(STDIN_FILENO, &input, READ_SIZE);
        if (result == IO_EOF && !any) { /* the submitter changed its mind before it began */
            drop_file_remove();
            exit(EX_OK);
        }
        if (result != IO_OK)
            refuse_input(d, result == IO_EOF ? "unexpected EOF in data" : strerror(errno));
        any = true;
        more = take_records(d, &input);
    }
}

/* ---- start ---- */

static void tell_pickup(struct conf *conf)
{
    BUF_AUTO(path, 0);
    struct stat st;

    buf_join(&path, STR("public/"), conf_value(conf, STR("pickup_service_name")));
    if (!queue_trigger(buf_cstr(&path), STR("W"), 0) && stat(buf_cstr(&path), &st) != 0)
        log_warning("unable to look up %s: %s", buf_cstr(&path), strerror(errno));
}

/* sendmail(1) becomes this program: its users know its name and its exit statuses, and nobody
 * reads a reply. */
static bool begin(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : path;
    bool for_user = name && strcmp(name, "sendmail") == 0;

    if (for_user)
        command_begin("sendmail", EX_TEMPFAIL);
    else
        command_begin("postdrop", 1);
    return for_user;
}

static const char *parse_options(int argc, char **argv)
{
    const char *config_dir = NULL;
    int letter;

    while ((letter = getopt(argc, argv, "+c:rv")) != -1) {
        if (letter == 'c')
            config_dir = optarg;
        else if (letter == 'v')
            command_more_verbose();
        else if (letter != 'r') /* replying is what it does anyway */
            log_fatal("usage: postdrop [-c config_dir] [-rv]");
    }
    return config_dir;
}

static void read_conf(struct postdrop *d, const char *config_dir)
{
    d->conf = command_conf(config_dir);
    d->size_limit = site_conf.message_size_limit;
    if (!bool_parse(conf_value(d->conf, STR("enable_long_queue_ids")), &d->long_ids))
        log_fatal("bad boolean configuration: enable_long_queue_ids = " STR_FMT,
                  STR_ARG(conf_value(d->conf, STR("enable_long_queue_ids"))));
}

int main(int argc, char **argv)
{
    struct postdrop d = { .out = BUF_INIT(0) };
    const char *config_dir;

    d.reply = !begin(argc > 0 ? argv[0] : NULL);
    command_distrust_caller();
    (void)umask(022);
    drop_file_catch_signals();
    config_dir = parse_options(argc, argv);
    read_conf(&d, config_dir);
    drop_policy_require_user(d.conf);
    command_enter_queue(d.conf);
    if (d.reply) {
        create_file(&d);
        announce(&d);
    }
    read_message(&d);
    write_out(&d);
    if (!drop_file_commit(&d.file))
        fail_write(&d);
    tell_pickup(d.conf);
    send_reply(&d, CLEANUP_OK, "");
    return EX_OK;
}
