/* The small parts of smtpd: footers, Received headers, networks of limits, DNS list filters, transcripts, pace. */
#include "client/transcript.h"
#include "dns/dnslist.h"
#include "fake_session.h"
#include "smtpd/first_lines.h"
#include "smtpd/footer.h"
#include "smtpd/limits.h"
#include "smtpd/notice.h"
#include "smtpd/received.h"

static void a_footer_follows_the_refusal(void **state)
{
    static const struct {
        const char *footer, *text, *want;
    } cases[] = {
        { "", "5.7.1 no", "550 5.7.1 no" },
        { "call us", "5.7.1 no", "550 5.7.1 no\n5.7.1 call us" },
        { "call us", "no", "550 no\ncall us" },
        { "a\\nb", "5.7.1 no", "550 5.7.1 no\n5.7.1 a\n5.7.1 b" },
        { "\\c. Call us", "5.7.1 no", "550 5.7.1 no. Call us" },
        { "\\c, or\\nwrite", "5.7.1 no", "550 5.7.1 no, or\n5.7.1 write" },
        { "\\s stays", "no", "550 no\n\\s stays" },
        { "$client_address ${client_name}:$client_port", "no",
          "550 no\n198.51.100.7 client.far.test:1234" },
        { "$helo_name/$sender/$server_name", "no", "550 no\nhelo.far.test/a@far.test/mx.test" },
        { "${recipient?{to $recipient}:{nobody}}", "no", "550 no\nnobody" },
        { "$no_such_name", "no", "550 no\n" },
    };
    struct fake f;

    (void)state;
    fake_open(&f, NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        smtpd_conf.smtpd_reject_footer = str_from(cases[i].footer);
        assert_reply(footer_add(&f.session, (struct smtp_reply){ 550, str_from(cases[i].text) },
                                &f.session.scratch),
                     cases[i].want, cases[i].footer);
    }
    fake_close(&f);
}

static void what_clients_say_of_themselves_is_filtered_in_footers(void **state)
{
    struct fake f;

    (void)state;
    fake_open(&f, NULL, 0);
    smtpd_conf.smtpd_reject_footer = STR("$helo_name");
    f.setup.expansion_filter = STR("abc");
    f.session.helo = STR("a\\nb$c");
    assert_reply(footer_add(&f.session, (struct smtp_reply){ 550, STR("no") }, &f.session.scratch),
                 "550 no\na__b_c", "helo");
    fake_close(&f);
}

static void received_headers_say_where_mail_came_from(void **state)
{
    static const struct {
        bool esmtp, utf8, login, hidden, several, greeted;
        const char *address, *want;
    } cases[] = {
        { true, false, false, false, false, true, "198.51.100.7",
          "Received: from helo.far.test (client.far.test [198.51.100.7])\n\tby mx.test (Postfix) "
          "with ESMTP id ABC\n"
          "\tfor <joe@local.test>; " },
        { false, false, false, false, true, false, "2001:db8::1",
          "Received: from client.far.test (client.far.test [IPv6:2001:db8::1])\n\tby mx.test "
          "(Postfix) with SMTP id ABC;\n\t" },
        { true, true, true, false, true, true, "198.51.100.7",
          "Received: from helo.far.test (client.far.test [198.51.100.7])\n\tby mx.test (Postfix) "
          "with UTF8SMTPA id ABC;\n\t" },
        { true, false, false, true, false, true, "198.51.100.7",
          "Received: by mx.test (Postfix) id ABC;\n\t" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUF_AUTO(out, 0);
        struct fake f;
        fake_open(&f, NULL, 0);
        smtpd_conf.smtpd_hide_client_session = cases[i].hidden;
        f.session.dialogue.esmtp = cases[i].esmtp;
        f.session.t.mail.smtputf8 = cases[i].utf8;
        f.session.login.name = cases[i].login ? STR("u") : STR_NONE;
        f.session.helo = cases[i].greeted ? f.session.helo : STR_NONE;
        f.session.peer.address = str_from(cases[i].address);
        f.session.t.rcpt_accepted = cases[i].several ? 2 : 1;
        f.session.t.first_rcpt.address = STR("joe@local.test");
        assert_true(queue_id_parse(STR("ABC"), &f.session.cleanup.id));
        received_format(&f.session, &out);
        if (!str_starts(buf_str(&out), str_from(cases[i].want)))
            assert_string_equal(buf_cstr(&out), cases[i].want);
        fake_close(&f);
    }
}

static void limits_count_whole_networks(void **state)
{
    static const struct {
        const char *address;
        int bits;
        const char *want;
    } cases[] = {
        { "198.51.100.7", 32, "198.51.100.7" },
        { "198.51.100.7", 24, "198.51.100.0" },
        { "198.51.100.7", 25, "198.51.100.0" },
        { "198.51.100.200", 25, "198.51.100.128" },
        { "198.51.100.7", 0, "0.0.0.0" },
        { "198.51.100.7", 128, "198.51.100.7" },
        { "2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6" },
        { "2001:db8:1:2:3:4:5:6", 84, "2001:db8:1:2:3::" },
        { "2001:db8:1:2:3fff:ffff:5:6", 84, "2001:db8:1:2:3fff:f000::" },
        { "2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::" },
        { "2001:db8:1:2:3:4:5:6", 0, "::" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net_addr client;
        BUF_AUTO(out, 64);
        assert_true(net_addr_parse(str_from(cases[i].address), 1, &client));
        limits_format_network(&client, cases[i].bits, cases[i].bits, &out);
        assert_string_equal(buf_cstr(&out), cases[i].want);
    }
}

static void answers_of_dns_lists_pass_their_filters(void **state)
{
    static const struct {
        const char *list;
        unsigned char answer[4];
        bool want;
    } cases[] = {
        { "l.test", { 127, 0, 0, 2 }, true },
        { "l.test=127.0.0.2", { 127, 0, 0, 2 }, true },
        { "l.test=127.0.0.2", { 127, 0, 0, 3 }, false },
        { "l.test=127.0.0.[4..6]", { 127, 0, 0, 5 }, true },
        { "l.test=127.0.0.[4..6]", { 127, 0, 0, 7 }, false },
        { "l.test=127.0.[0;1].[2;4..6;9]", { 127, 0, 1, 9 }, true },
        { "l.test=127.0.[0;1].[2;4..6;9]", { 127, 0, 2, 9 }, false },
        { "l.test=127.[0..255].[0..255].[0..255]", { 127, 9, 8, 7 }, true },
        { "l.test=127.0.0", { 127, 0, 0, 2 }, false },
        { "l.test=127.0.0.2.3", { 127, 0, 0, 2 }, false },
        { "l.test=127.0.0.[", { 127, 0, 0, 2 }, false },
        { "l.test=127.0.0.[6..4]", { 127, 0, 0, 5 }, false },
        { "l.test=127.0.0.x", { 127, 0, 0, 0 }, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dnslist list = dnslist_parse(str_from(cases[i].list));
        assert_true(str_equal(list.domain, STR("l.test")));
        assert_int_equal(dnslist_matches(&list, cases[i].answer), cases[i].want);
    }
}

static void answers_about_the_list_itself_are_not_listings(void **state)
{
    static const struct {
        unsigned char answer[4];
        bool fault;
    } cases[] = {
        { { 127, 0, 0, 2 }, false },    { { 127, 255, 255, 254 }, true },
        { { 127, 255, 255, 0 }, true }, { { 127, 255, 254, 1 }, false },
        { { 192, 0, 2, 1 }, true },     { { 0, 0, 0, 0 }, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(dnslist_answer_is_fault(cases[i].answer), cases[i].fault);
}

static void transcripts_stay_bounded(void **state)
{
    struct transcript t;

    (void)state;
    transcript_init(&t);
    for (int i = 0; i < 5000; i++)
        transcript_in(&t, STR("host.test[192.0.2.1]"),
                      STR("a line that a client says again and again"));
    assert_true(t.text.full && t.text.len <= 32768);
    transcript_trim(&t, 5000);
    assert_true(t.lines == 5000);
    transcript_trim(&t, 100);
    assert_true(t.lines == 0 && t.text.len == 0 && !t.text.full);
    transcript_out(&t, STR("host.test[192.0.2.1]"), STR("250-a"));
    transcript_out(&t, STR("host.test[192.0.2.1]"), STR("250 b"));
    assert_true(str_equal(buf_str(&t.text), STR(" Out: 250-a\n Out: 250 b\n")));
    transcript_fini(&t);
}

static void notify_classes_name_faults(void **state)
{
    (void)state;
    assert_int_equal(notice_classes_parse(STR("")), 0);
    assert_int_equal(notice_classes_parse(STR("resource, software bounce")),
                     FAULT_RESOURCE | FAULT_SOFTWARE | FAULT_BOUNCE);
    assert_int_equal(notice_classes_parse(STR("POLICY,protocol,data")),
                     FAULT_POLICY | FAULT_PROTOCOL | FAULT_DATA);
}

/* Pieces as they come; `|` is a line end, `+` the end of a piece without one. */
static void what_stands_in_front_of_the_header_is_no_part_of_ours(void **state)
{
    static const struct {
        const char *pieces, *want;
    } cases[] = {
        { "Subject: x|From a|", ".." },
        { "From a|>>From b|Subject: x| y|", "L:X-Mailbox-Line: |.L:X-Mailbox-Line: |..." },
        { "From a+From b|Subject: x|", "L:X-Mailbox-Line: |.." },
        { " blank|  more|", "N:|.." },
        { "From a| blank|", "L:X-Mailbox-Line: |.N:|." },
        { "|From a|", ".." },
        { "From|", "." },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct first_lines f = { .over = false };
        struct str left = str_from(cases[i].pieces);
        BUF_AUTO(records, 1000);
        BUF_AUTO(got, 1000);
        while (left.len) {
            size_t end = str_find_any(left, "|+");
            bool ends_line = left.ptr[end] == '|';
            buf_clear(&records);
            first_lines_look(&f, str_sub(left, 0, end), ends_line, &records);
            if (records.len)
                buf_join(&got, str_sub(buf_str(&records), 0, 1), STR(":"),
                         str_skip(buf_str(&records), 2), STR("|"));
            if (ends_line)
                buf_addc(&got, '.');
            left = str_skip(left, end + 1);
        }
        assert_string_equal(buf_cstr(&got), cases[i].want);
    }
}

static void content_earns_its_time(void **state)
{
    struct pace p;

    (void)state;
    pace_init(&p, 10, true, 500);
    p.left_ms = 1000;
    pace_earn(&p, 500);
    assert_int_equal(p.left_ms, 2000);
    pace_earn(&p, 1u << 30);
    assert_int_equal(p.left_ms, 10000);
    p.left_ms = -5;
    pace_next_request(&p);
    assert_int_equal(p.left_ms, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_footer_follows_the_refusal),
        cmocka_unit_test(what_clients_say_of_themselves_is_filtered_in_footers),
        cmocka_unit_test(received_headers_say_where_mail_came_from),
        cmocka_unit_test(limits_count_whole_networks),
        cmocka_unit_test(answers_of_dns_lists_pass_their_filters),
        cmocka_unit_test(answers_about_the_list_itself_are_not_listings),
        cmocka_unit_test(transcripts_stay_bounded),
        cmocka_unit_test(notify_classes_name_faults),
        cmocka_unit_test(what_stands_in_front_of_the_header_is_no_part_of_ours),
        cmocka_unit_test(content_earns_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
