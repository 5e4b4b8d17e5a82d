#include "base/log.h"
#include "client/cleanup.h"
#include "conf/params.h"
#include "lib/queue/scratch.h"
#include "os/fd.h"
#include "os/socket.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* A cleanup service that stores nothing: ids count up, the verdict's size is the number of record bytes. */
struct script {
    int messages_per_connection; /* then it closes, as a process whose use is up; 0: never */
    int die_before_verdict;      /* of that message (counting from 1) */
};

static void send_ready(struct channel *ch, int number)
{
    char id[16];
    snprintf(id, sizeof id, "A%05d", number);
    struct cleanup_ready ready = { str_from(id) };
    BUF_AUTO(body, 0);

    cleanup_ready_encode(&body, &ready);
    (void)!(channel_send(ch, CLEANUP_SUBMIT_READY, buf_str(&body)) && channel_flush(ch));
}

static void send_verdict(struct channel *ch, int64_t bytes)
{
    struct cleanup_verdict verdict = { CLEANUP_OK, STR("fine"), bytes, 0 };
    BUF_AUTO(body, 0);

    cleanup_verdict_encode(&body, &verdict);
    (void)!(channel_send(ch, CLEANUP_SUBMIT_VERDICT, buf_str(&body)) && channel_flush(ch));
}

static void serve(int fd, const struct script *script, int *number)
{
    struct channel ch;
    struct str body;
    char kind;
    int served = 0;
    int64_t bytes = 0;

    channel_init(&ch, fd, 10);
    while (channel_receive(&ch, &kind, &body) == IO_OK) {
        if (kind == CLEANUP_SUBMIT_OPEN) {
            bytes = 0;
            send_ready(&ch, ++*number);
        } else if (kind == CLEANUP_SUBMIT_RECORD) {
            struct record rec;
            bytes += (int64_t)body.len;
            while (body.len && record_take(&body, &rec) == RECORD_OK)
                ;
            if (body.len) /* a frame that ends inside a record */
                break;
        } else if (kind == CLEANUP_SUBMIT_END) {
            if (*number == script->die_before_verdict)
                break;
            send_verdict(&ch, bytes);
            if (++served == script->messages_per_connection)
                break;
        }
    }
    channel_close(&ch);
}

static pid_t start(const struct script *script)
{
    int listener = socket_unix_listen("public/cleanup", SOCK_STREAM, 0600, 5);
    pid_t pid = fork();

    assert_true(listener >= 0 && pid >= 0);
    if (pid > 0) {
        close(listener);
        return pid;
    }
    for (int number = 0;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0)
            serve(fd, script, &number);
    }
}

static void stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void add_lines(struct cleanup_client *c, int lines)
{
    static const char line[] = "a line of sixty-four bytes, more or less, as mail has thousands ..";

    for (int i = 0; i < lines; i++) {
        record_put(cleanup_client_records(c), REC_TEXT, str_from(line));
        cleanup_client_pump(c);
    }
}

#define LINE_RECORD 68 /* bytes of one of these */

static void messages_follow_each_other_on_one_connection(void **state)
{
    struct cleanup_client c = CLEANUP_CLIENT_INIT;
    pid_t pid = start(&(struct script){ 0 });
    int fd = -1;

    (void)state;
    for (int i = 1; i <= 3; i++) {
        char id[16];
        assert_true(cleanup_client_open(&c, STR("cleanup"), CLEANUP_FLAGS_EXTERNAL, 0, 10));
        snprintf(id, sizeof id, "A%05d", i);
        assert_string_equal(c.id.text, id);
        assert_true(fd == -1 || fd == c.channel.link.stream.fd);
        fd = c.channel.link.stream.fd;
        add_lines(&c, i);
        struct cleanup_verdict v = cleanup_client_end(&c);
        assert_int_equal(v.status, CLEANUP_OK);
        assert_int_equal(v.size, i * LINE_RECORD);
        assert_str_equal(v.reason, "fine");
        assert_false(c.open);
    }
    cleanup_client_close(&c);
    stop(pid);
}

static void large_messages_go_in_whole_records(void **state)
{
    struct cleanup_client c = CLEANUP_CLIENT_INIT;
    pid_t pid = start(&(struct script){ 0 });

    (void)state;
    assert_true(cleanup_client_open(&c, STR("cleanup"), 0, 0, 10));
    add_lines(&c, 20000);
    assert_true(c.channel.link.out.len < 128 * 1024);
    struct cleanup_verdict v = cleanup_client_end(&c);
    assert_int_equal(v.status, CLEANUP_OK);
    assert_int_equal(v.size, 20000 * LINE_RECORD);
    cleanup_client_close(&c);
    stop(pid);
}

static void a_connection_that_has_ended_is_replaced(void **state)
{
    struct cleanup_client c = CLEANUP_CLIENT_INIT;
    pid_t pid = start(&(struct script){ .messages_per_connection = 1 });

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(cleanup_client_open(&c, STR("cleanup"), 0, 0, 10));
        add_lines(&c, 1);
        assert_int_equal(cleanup_client_end(&c).status, CLEANUP_OK);
    }
    cleanup_client_close(&c);
    stop(pid);
}

static void an_aborted_message_is_not_sent_and_the_next_one_is_whole(void **state)
{
    struct cleanup_client c = CLEANUP_CLIENT_INIT;
    pid_t pid = start(&(struct script){ 0 });

    (void)state;
    assert_true(cleanup_client_open(&c, STR("cleanup"), 0, 0, 10));
    add_lines(&c, 5);
    cleanup_client_abort(&c);
    assert_false(c.open);
    assert_true(cleanup_client_open(&c, STR("cleanup"), 0, 0, 10));
    add_lines(&c, 1);
    assert_int_equal(cleanup_client_end(&c).size, LINE_RECORD);
    cleanup_client_close(&c);
    stop(pid);
}

static void without_a_verdict_the_message_is_not_accepted(void **state)
{
    struct cleanup_client c = CLEANUP_CLIENT_INIT;
    pid_t pid = start(&(struct script){ .die_before_verdict = 1 });

    (void)state;
    assert_true(cleanup_client_open(&c, STR("cleanup"), 0, 0, 10));
    add_lines(&c, 3);
    assert_int_equal(cleanup_client_end(&c).status, CLEANUP_WRITE);
    assert_false(channel_is_open(&c.channel));
    assert_true(cleanup_client_open(&c, STR("cleanup"), 0, 0, 10));
    assert_int_equal(cleanup_client_end(&c).status, CLEANUP_OK);
    cleanup_client_close(&c);
    stop(pid);
}

/* The service is killed while a message is on its way. */
static void a_lost_service_shows_in_the_verdict(void **state)
{
    struct cleanup_client c = CLEANUP_CLIENT_INIT;
    pid_t pid = start(&(struct script){ 0 });

    (void)state;
    assert_true(cleanup_client_open(&c, STR("cleanup"), 0, 0, 10));
    stop(pid);
    add_lines(&c, 20000);
    assert_int_equal(cleanup_client_end(&c).status, CLEANUP_WRITE);
    assert_false(cleanup_client_open(&c, STR("cleanup"), 0, 0, 10));
    cleanup_client_close(&c);
}

static void no_service_no_message(void **state)
{
    struct cleanup_client c = CLEANUP_CLIENT_INIT;

    (void)state;
    assert_false(cleanup_client_open(&c, STR("cleanup"), 0, 0, 10));
    cleanup_client_abort(&c);
    cleanup_client_close(&c);
}

static struct buf said = BUF_INIT(0);

static void keep(enum log_level level, struct str text)
{
    (void)level;
    buf_join(&said, text, STR("\n"));
}

static void mail_of_our_own_is_filtered_when_its_class_is_named(void **state)
{
    static const struct {
        struct str classes, mail_class;
        bool filtered;
        const char *complaint;
    } cases[] = {
        { STR(""), STR("bounce"), false, "" },
        { STR("notify"), STR("bounce"), false, "" },
        { STR("notify, bounce"), STR("bounce"), true, "" },
        { STR("Bounce"), STR("bounce"), true, "" },
        { STR("bounces notify"), STR("bounce"), false,
          "warning: internal_mail_filter_classes: bad input: bounces\n" },
        { STR("all bounce none"), STR("bounce"), true,
          "warning: internal_mail_filter_classes: bad input: all\n"
          "warning: internal_mail_filter_classes: bad input: none\n" },
    };

    (void)state;
    log_set_sink(keep);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&said);
        site_conf.internal_mail_filter_classes = cases[i].classes;
        assert_int_equal(cleanup_filter_flags(cases[i].mail_class),
                         cases[i].filtered ? CLEANUP_FLAG_FILTER | CLEANUP_FLAG_MILTER : 0);
        assert_string_equal(buf_cstr(&said), cases[i].complaint);
    }
    log_set_sink(NULL);
    buf_free(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_of_our_own_is_filtered_when_its_class_is_named),
        SCRATCH_TEST(messages_follow_each_other_on_one_connection),
        SCRATCH_TEST(large_messages_go_in_whole_records),
        SCRATCH_TEST(a_connection_that_has_ended_is_replaced),
        SCRATCH_TEST(an_aborted_message_is_not_sent_and_the_next_one_is_whole),
        SCRATCH_TEST(without_a_verdict_the_message_is_not_accepted),
        SCRATCH_TEST(a_lost_service_shows_in_the_verdict),
        SCRATCH_TEST(no_service_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
