/* No message costs more than linear time.  What is tested is compiled so that it counts the blocks of code that it
 * runs and the bytes that it has moved and searched: steps, which are the same on every machine. */
#include "cleanup/receive.h"
#include "pickup/submission.h"
#include "queue/bounce_log.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MB                 (1024UL * 1024)
#define STEPS_PER_BYTE_MAX 1000 /* an address of one byte, completed and looked up, costs most */
#define BYTES_PER_STEP     32   /* of a memcpy and its kin */

/* The compiler and the linker give these names: NOLINTBEGIN(bugprone-reserved-identifier) */
static uint64_t steps, budget = UINT64_MAX;

/* What is far beyond the budget would take minutes to say so. */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    if (++steps <= budget)
        return;
    budget = UINT64_MAX;
    fail_msg("too many steps");
}

#define COUNTED(result, name, first, first_name, second, second_name)     \
    result __real_##name(first first_name, second second_name, size_t n); \
    result __wrap_##name(first first_name, second second_name, size_t n); \
    result __wrap_##name(first first_name, second second_name, size_t n)  \
    {                                                                     \
        steps += 1 + n / BYTES_PER_STEP;                                  \
        return __real_##name(first_name, second_name, n);                 \
    }
COUNTED(void *, memcpy, void *, to, const void *, from)
COUNTED(void *, memmove, void *, to, const void *, from)
COUNTED(int, memcmp, const void *, a, const void *, b)

/* How much of it is searched is what counts. */
void *__real_memchr(const void *s, int c, size_t n);
void *__wrap_memchr(const void *s, int c, size_t n);
void *__wrap_memchr(const void *s, int c, size_t n)
{
    char *hit = __real_memchr(s, c, n);

    steps += 1 + (hit ? (size_t)(hit - (const char *)s) : n) / BYTES_PER_STEP;
    return hit;
}

/* NOLINTEND(bugprone-reserved-identifier) */

/* A text of any size: `unit` again and again between `head` and `tail`. */
struct shape {
    const char *head, *unit, *tail;
};

static const struct shape shapes[] = {
    { "", "text of an ordinary line\n", "" },
    /* address headers */
    { "To: ", "a@b.example, ", "c\n" },
    { "To: ", "\"\"", "\n" },
    { "To: \"", "a", "\n" },
    { "To: ", "\"a\" ", "\n" },
    { "To: \"", "\\a", "\n" },
    { "To: ", "\\", "\n" },
    { "To: ", "(", "\n" },
    { "To: ", "()", "\n" },
    { "To: ", "() ", "a\n" },
    { "To: a ", "()", "\n" },
    { "To: ", "a () ", "\n" },
    { "To: ", "[", "\n" },
    { "To: ", "[]", "\n" },
    { "To: ", "a@[", "\n" },
    { "To: ", "<", "\n" },
    { "To: ", "<a", "\n" },
    { "To: ", "<>", "\n" },
    { "To: ", "a <b@c> (d) ", "\n" },
    { "To: <", "a, ", "\n" },
    { "To: ", ">", "\n" },
    { "To: ", "a >", "\n" },
    { "To: ", ",", "\n" },
    { "To: ", ";", "\n" },
    { "To: ", ":", "\n" },
    { "To: ", "x:;", "\n" },
    { "To: ", "x: ", "a;\n" },
    { "To: ", "a:", "\n" },
    { "To: ", "a:<", "\n" },
    { "To: ", "@", "\n" },
    { "To: ", "@a", "\n" },
    { "To: ", "@a:", "b\n" },
    { "To: ", "@a >", "\n" },
    { "To: ", "@a,", ":b\n" },
    { "To: <", "@a,", ":b>\n" },
    { "To: ", "a%b!", "\n" },
    { "To: ", "a!", "\n" },
    { "To: ", "a%", "@b\n" },
    { "To: ", ".", "\n" },
    { "To: ", "a.", "\n" },
    { "To: a@", "b.", "\n" },
    { "To: ", "a ", "\n" },
    { "To: ", ":include:", "\n" },
    { "To: ", ":include:a,", "\n" },
    { "To: x\n", " a,\n", "" },
    { "To: x\n", " \n", "" },
    /* many headers */
    { "", "a:\n", "" },
    { "", "a : b\n", "" },
    { "", "To: a@b.example\n", "" },
    { "", "To: \"\"\"\"\"\"\"\"\n", "" },
    { "", "Resent-To: a@b.example\n", "" },
    { "", "Received: (((((((\n", "" },
    { "", "Message-Id: <a@b>\n", "" },
    { "", "Subject: =?utf-8?Q?=C3=A9?=\n", "" },
    { "", "Content-Type: multipart/mixed; boundary=a\n", "" },
    { "a: x\n", " x\n", "" },
    { "a", "a", ": x\n" },
    { "a", " ", ": x\n" },
    /* MIME */
    { "Content-Type: multipart/mixed", ";a=b", "; boundary=x\n" },
    { "Content-Type: multipart/mixed", ";", "boundary=x\n" },
    { "Content-Type: multipart/mixed", "; (;)", "boundary=x\n" },
    { "Content-Type: multipart/mixed; a=\"", ";", "\"; boundary=x\n" },
    { "Content-Type: multipart/mixed ", "(", ";boundary=x\n" },
    { "Content-Type: multipart/mixed;boundary=a\n\n", "--a\n", "" },
    { "Content-Type: multipart/mixed;boundary=a\n\n", "--a--\n", "" },
    { "Content-Type: multipart/mixed;boundary=a\n\n", "--a\nContent-Type: text/plain;;;;\n\n", "" },
    { "Content-Type: multipart/mixed;boundary=a\n\n",
      "--a\nContent-Type: multipart/mixed;boundary=a\n\n", "" },
    { "Content-Type: multipart/mixed;boundary=a\n\n",
      "--a\nContent-Type: message/rfc822\n\nContent-Type: message/rfc822\n\n", "" },
    { "Content-Type: multipart/mixed;boundary=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n\n",
      "--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", "" },
    { "Content-Type: message/rfc822\n\n", "Content-Type: message/rfc822\n\n", "" },
    /* bodies */
    { "\n", "\n", "" },
    { "\n", "x\n", "" },
    { "\n", "x", "" },
    { "\n", "\r\r\r\r\n", "" },
    { "\n", "From x\n", "" },
    { "Content-Transfer-Encoding: 8bit\n\n", "\xe9=\xe9 ", "" },
};

static void fill(const struct shape *s, size_t size, struct buf *out)
{
    buf_clear(out);
    buf_add_cstr(out, s->head);
    while (out->len < size)
        buf_add_cstr(out, s->unit);
    buf_add_cstr(out, s->tail);
}

static void begin_count(const char *what, const char *unit, size_t bytes)
{
    print_message("%s: %zu KB of %s\n", what, bytes / 1024, unit);
    steps = 0;
    budget = STEPS_PER_BYTE_MAX * bytes;
}

static void end_count(void) { budget = UINT64_MAX; }

/* Steps of `work` for texts of `from` bytes and its doubles up to `to`. */
static void assert_linear(const char *what, size_t from, size_t to, void (*work)(struct str text))
{
    struct buf text = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        for (size_t size = from; size <= to; size *= 2) {
            fill(&shapes[i], size, &text);
            begin_count(what, shapes[i].unit, text.len);
            work(buf_str(&text));
            end_count();
        }
    buf_free(&text);
}

/* ---- cleanup ---- */

static struct cleanup cleanup;
static struct conf *conf;
static char dir[64];

static int enter(void **state UNUSED)
{
    static const char *const settings[][2] = {
        { "inet_interfaces", "127.0.0.1" },
        { "inet_protocols", "ipv4" },
        { "myhostname", "mx.example.com" },
        { "mydomain", "example.com" },
        { "mydestination", "mx.example.com" },
        { "compatibility_level", "3.11" },
        { "message_size_limit", "0" },
        /* Limits hide what is not linear. */
        { "header_size_limit", "100000000" },
        { "header_address_token_limit", "100000000" },
        { "hopcount_limit", "100000000" },
        { "duplicate_filter_limit", "0" },
        { "virtual_alias_maps", "inline:{{a@b=c@d,e@f} {l@m=l@m,n}}" },
        { "canonical_maps", "inline:{{c@d=x@y}}" },
        { "masquerade_domains", "example.com" },
    };
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    conf = conf_new();
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        conf_override(conf, str_from(settings[i][0]), str_from(settings[i][1]));
    conf_fill(conf, &site_param_set, &site_conf);
    conf_fill(conf, &table_param_set, &table_conf);
    conf_fill(conf, &cleanup_param_set, &cleanup_conf);
    conf_fill(conf, &tls_param_set, &tls_conf);
    snprintf(dir, sizeof dir, "%s/relevo-linear-XXXXXX", base);
    if (mkdtemp(dir) == NULL || chdir(dir) != 0 || mkdir("incoming", 0700) != 0)
        return -1;
    cleanup_setup(&cleanup, conf);
    return 0;
}

static int leave(void **state UNUSED) { return rmdir("incoming") || chdir("/") || rmdir(dir); }

/* In frames, as a client sends it. */
static void take(struct message *m, struct buf *records)
{
    message_records(m, buf_str(records));
    buf_clear(records);
}

static void submit(struct str recipients, struct str text)
{
    struct cleanup_open open = { .flags = CLEANUP_FLAGS_EXTERNAL };
    struct buf records = { 0 };
    struct message m;

    assert_true(message_begin(&m, &cleanup, &open));
    record_put(&records, REC_SENDER, STR("a@b.example"));
    while (recipients.len) {
        record_put(&records, REC_RCPT, str_cut(&recipients, '\n'));
        take(&m, &records);
    }
    record_put(&records, REC_MESSAGE, STR_NONE);
    while (text.len) {
        record_put_line(&records, str_cut(&text, '\n'), 2048);
        if (records.len > 60000)
            take(&m, &records);
    }
    record_put(&records, REC_EXTRACTED, STR_NONE);
    record_put(&records, REC_END, STR_NONE);
    take(&m, &records);
    struct cleanup_verdict v = message_finish(&m);
    message_end(&m);
    if (v.status == CLEANUP_OK)
        assert_true(queue_remove(&cleanup.layout, QUEUE_INCOMING, &cleanup.writer.id));
    buf_free(&records);
}

static void submit_content(struct str text) { submit(STR("r@x.example"), text); }
static void submit_recipients(struct str lines) { submit(lines, STR("\nx\n")); }

static void a_message_costs_linear_time(void **state UNUSED)
{
    cleanup.has_checks = false;
    assert_linear("copied", MB / 4, MB / 4, submit_content);
}

static void a_message_that_is_looked_at_costs_linear_time(void **state UNUSED)
{
    cleanup.has_checks = true;
    assert_linear("looked at", MB / 4, MB / 4, submit_content);
}

static void many_recipients_cost_linear_time(void **state UNUSED)
{
    /* Around a number that makes each another one; 0: all the same. */
    static const struct {
        const char *before, *behind;
        bool numbered;
    } kinds[] = {
        { "r", "@x.example", true }, { "same", "@x.example", false },
        { "l@m", "", false },        { "r", "", true },
        { "\"\"", "", true },        { "@a:b", "@c", true },
        { "a%b", "", true },
    };
    struct buf lines = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        for (size_t size = MB / 32; size <= MB / 8; size *= 2) {
            buf_clear(&lines);
            for (int n = 0; lines.len < size; n++) {
                buf_add_cstr(&lines, kinds[i].before);
                if (kinds[i].numbered)
                    buf_add_int(&lines, n);
                buf_join(&lines, str_from(kinds[i].behind), STR("\n"));
            }
            begin_count("recipients", kinds[i].before, 4 * lines.len); /* they are short */
            submit_recipients(buf_str(&lines));
            end_count();
        }
    buf_free(&lines);
}

/* ---- sendmail -t, and addresses by themselves ---- */

static void extract(struct str text)
{
    const struct submission_envelope e = { .sender = STR("a") };
    struct submission_content c;
    struct buf out = { 0 };

    submission_content_init(&c, 2048, 100000000);
    c.extract = true;
    for (; text.len; text = str_skip(text, 65536)) {
        (void)submission_feed(&c, str_sub(text, 0, 65536), &out);
        buf_clear(&out);
    }
    (void)!submission_finish(&c, &e, false, &out);
    submission_content_free(&c);
    buf_free(&out);
}

static void recipients_from_headers_cost_linear_time(void **state UNUSED)
{
    assert_linear("sendmail -t", MB / 4, MB / 4, extract);
}

static void read_and_write(struct str text)
{
    struct buf out = { 0 };
    struct address_list list;
    ARENA_AUTO(arena);

    address_list_parse(&arena, text, SIZE_MAX, &list);
    address_list_format(&list, 4, ADDRESS_LIST_FOLD, &out);
    buf_clear(&out);
    (void)!address_unquote(text, &out);
    buf_clear(&out);
    address_quote(text, &out);
    buf_free(&out);
}

static void addresses_cost_linear_time(void **state UNUSED)
{
    assert_linear("addresses", MB / 4, MB, read_and_write);
}

static void read_log(struct str text)
{
    struct bounce_append entry;

    while (bounce_log_take(&text, &entry))
        continue;
}

static void logs_of_deliveries_cost_linear_time(void **state UNUSED)
{
    assert_linear("log", MB / 4, MB, read_log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_costs_linear_time),
        cmocka_unit_test(a_message_that_is_looked_at_costs_linear_time),
        cmocka_unit_test(many_recipients_cost_linear_time),
        cmocka_unit_test(recipients_from_headers_cost_linear_time),
        cmocka_unit_test(addresses_cost_linear_time),
        cmocka_unit_test(logs_of_deliveries_cost_linear_time),
    };

    return cmocka_run_group_tests(tests, enter, leave);
}
