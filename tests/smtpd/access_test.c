#include "fake_session.h"
#include "smtpd/access/internal.h"

/* The verdict on one recipient with these recipient restrictions; relay control permits everything. */
struct recipient_case {
    const char *restrictions;
    const char *want; /* the reply; empty: accepted */
    struct setting more[3];
    const char *rcpt, *sender; /* NULL: joe@local.test, a@far.test */
};

static void check_recipient(const struct recipient_case *c)
{
    struct setting settings[5] = { { "smtpd_recipient_restrictions", c->restrictions },
                                   { "smtpd_relay_restrictions",
                                     "permit_auth_destination, warn_if_reject reject" },
                                   c->more[0],
                                   c->more[1],
                                   c->more[2] };
    struct str rcpt = str_from(c->rcpt ? c->rcpt : "joe@local.test");
    struct smtp_rcpt given = { .path = rcpt, .address = rcpt };
    struct fake f;

    fake_open(&f, settings, ARRAY_LEN(settings));
    if (c->sender)
        f.session.t.sender = f.session.t.sender_path = str_from(c->sender);
    assert_reply(access_judge_recipient(&f.session, &given), c->want, c->restrictions);
    fake_close(&f);
}

static void check_all(const struct recipient_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_recipient(&cases[i]);
}

static void take(struct fake *f, const char *recipient)
{
    struct str address = str_from(recipient);

    if (f->session.t.rcpt_accepted++ == 0)
        f->session.t.first_rcpt = (struct smtp_rcpt){ .path = address, .address = address };
}

static void what_is_said_of_a_message_is_said_of_its_only_recipient(void **state)
{
    static const struct {
        const char *restrictions, *want;
    } cases[] = {
        { "check_recipient_access inline:{joe@local.test=REJECT}",
          "554 5.7.1 <joe@local.test>: Recipient address rejected: Access denied" },
        { "permit_auth_destination, reject", "" },
        { "reject_unverified_recipient",
          "450 4.1.1 <joe@local.test>: Recipient address rejected: address verification problem" },
    };

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        const char *list = cases[i / 2].restrictions;
        struct setting settings[] = { { "smtpd_data_restrictions", list },
                                      { "smtpd_end_of_data_restrictions", list },
                                      { "unverified_recipient_tempfail_action", "defer" } };
        enum access_stage stage = i % 2 ? ACCESS_END_OF_DATA : ACCESS_DATA;
        struct fake f;
        fake_open(&f, settings, ARRAY_LEN(settings));
        f.session.where = i % 2 ? SMTP_CMD_UNKNOWN : SMTP_CMD_DATA;
        take(&f, "joe@local.test");
        assert_reply(access_judge(&f.session, stage, STR_NONE), cases[i / 2].want, list);
        take(&f, "ann@local.test");
        assert_int_equal(access_judge(&f.session, stage, STR_NONE).code, i / 2 == 1 ? 554 : 0);
        fake_close(&f);
    }
}

static void doubts_wait_for_a_recipient(void **state)
{
    static const struct {
        enum access_stage stage;
        const char *parameter, *want;
    } cases[] = {
        { ACCESS_CONNECT, "smtpd_client_restrictions",
          "450 4.7.0 <client.far.test[198.51.100.7]>: Client host rejected: defer_if_permit "
          "requested" },
        { ACCESS_HELO, "smtpd_helo_restrictions",
          "450 4.7.0 <helo.far.test>: Helo command rejected: defer_if_permit requested" },
        { ACCESS_MAIL, "smtpd_sender_restrictions",
          "450 4.7.0 <a@far.test>: Sender address rejected: defer_if_permit requested" },
    };
    const struct smtp_rcpt joe = { .path = STR("joe@local.test"),
                                   .address = STR("joe@local.test") };
    const struct smtp_rcpt far = { .path = STR("x@far.test"), .address = STR("x@far.test") };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct setting settings[] = { { "smtpd_delay_reject", "no" },
                                      { cases[i].parameter, "defer_if_permit" } };
        struct fake f;
        fake_open(&f, settings, ARRAY_LEN(settings));
        assert_int_equal(access_judge(&f.session, cases[i].stage, STR_NONE).code, 0);
        arena_reset(&f.session.scratch);
        assert_reply(access_judge_recipient(&f.session, &joe), cases[i].want, cases[i].parameter);
        assert_int_equal(access_judge_recipient(&f.session, &far).code, 454);
        assert_reply(access_judge(&f.session, ACCESS_ETRN, STR("local.test")), cases[i].want,
                     "ETRN");
        access_judge(&f.session, ACCESS_CONNECT, STR_NONE);
        assert_int_equal(access_judge_recipient(&f.session, &joe).code, i == 1 ? 0 : 450);
        fake_close(&f);
    }
}

static void words_of_the_language_give_their_replies(void **state)
{
    static const struct recipient_case cases[] = {
        { .restrictions = "", .want = "" },
        { .restrictions = "permit, reject", .want = "" },
        { .restrictions = "reject",
          .want = "554 5.7.1 <joe@local.test>: Recipient address rejected: Access denied" },
        { .restrictions = "REJECT",
          .want = "554 5.7.1 <joe@local.test>: Recipient address rejected: Access denied" },
        { .restrictions = "defer",
          .want = "450 4.3.2 <joe@local.test>: Recipient address rejected: Try again later" },
        { .restrictions = "defer_if_permit",
          .want =
              "450 4.7.0 <joe@local.test>: Recipient address rejected: defer_if_permit requested" },
        { .restrictions = "defer_if_permit, reject",
          .want = "554 5.7.1 <joe@local.test>: Recipient address rejected: Access denied" },
        { .restrictions = "defer_if_reject", .want = "" },
        { .restrictions = "defer_if_reject, reject",
          .want =
              "450 4.7.0 <joe@local.test>: Recipient address rejected: defer_if_reject requested" },
        { .restrictions = "reject_plaintext_session",
          .want = "450 4.7.1 Session encryption is required" },
        { .restrictions = "sleep 0, reject",
          .want = "554 5.7.1 <joe@local.test>: Recipient address rejected: Access denied" },
        { .restrictions = "sleep soon", .want = "451 4.3.5 Server configuration error" },
        { .restrictions = "warn_if_reject no_such_word",
          .want = "451 4.3.5 Server configuration error" },
        { .restrictions = "warn_if_reject check_sender_access nothing",
          .want = "451 4.3.5 Server configuration error" },
        { .restrictions = "check_recipient_maps, reject",
          .rcpt = "nobody@local.test",
          .want = "550 5.1.1 <nobody@local.test>: Recipient address rejected: User unknown in "
                  "local recipient table" },
        { .restrictions = "reject_rbl", .want = "" },
        { .restrictions = "no_such_word", .want = "451 4.3.5 Server configuration error" },
        { .restrictions = "check_sender_access", .want = "451 4.3.5 Server configuration error" },
        { .restrictions = "check_policy_service { inet:127.0.0.1:1, try_limit=1 }, permit",
          .want = "451 4.3.5 <joe@local.test>: Recipient address rejected: Server configuration "
                  "problem" },
        { .restrictions = "reject_unverified_sender, permit",
          .want = "450 4.1.7 <a@far.test>: Sender address rejected: address verification "
                  "problem" },
        { .restrictions = "permit_tls_clientcerts, check_ccert_access inline:{a=OK}, reject",
          .want = "554 5.7.1 <joe@local.test>: Recipient address rejected: Access denied" },
        { .restrictions = "permit_sasl_authenticated, reject",
          .want = "554 5.7.1 <joe@local.test>: Recipient address rejected: Access denied" },
        { .restrictions = "reject_non_fqdn_recipient",
          .rcpt = "joe",
          .want = "504 5.5.2 <joe>: Recipient address rejected: need fully-qualified address" },
        { .restrictions = "reject", .rcpt = "Postmaster", .want = "" },
        { .restrictions = "reject_sender_login_mismatch", .want = "" },
        { .restrictions = "reject_non_fqdn_sender",
          .sender = "a",
          .want = "504 5.5.2 <a>: Sender address rejected: need fully-qualified address" },
        { .restrictions = "reject_multi_recipient_bounce", .sender = "", .want = "" },
        { .restrictions = "",
          .rcpt = "nobody@local.test",
          .want = "550 5.1.1 <nobody@local.test>: Recipient address rejected: User unknown in "
                  "local recipient table" },
        { .restrictions = "reject_unlisted_sender",
          .sender = "nobody@local.test",
          .want = "550 5.1.0 <nobody@local.test>: Sender address rejected: User unknown in local "
                  "recipient table" },
        { .restrictions = "reject_unauth_destination",
          .rcpt = "x@elsewhere.test",
          .want = "554 5.7.1 <x@elsewhere.test>: Relay access denied" },
        { .restrictions = "reject_unauth_destination", .rcpt = "x@relay.test", .want = "" },
        { .restrictions = "defer_unauth_destination",
          .rcpt = "x@elsewhere.test",
          .want = "454 4.7.1 <x@elsewhere.test>: Relay access denied" },
    };

    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

#define SENDER_RULE(action) "check_sender_access inline:{{a@far.test=" action "}}"

static void actions_of_access_tables_give_their_replies(void **state)
{
    static const struct recipient_case cases[] = {
        { .restrictions = SENDER_RULE("OK") ", reject", .want = "" },
        { .restrictions = SENDER_RULE("1234567") ", reject", .want = "" },
        { .restrictions = SENDER_RULE("DUNNO") ", reject",
          .want = "554 5.7.1 <joe@local.test>: Recipient address rejected: Access denied" },
        { .restrictions = SENDER_RULE("REJECT"),
          .want = "554 5.7.1 <a@far.test>: Sender address rejected: Access denied" },
        { .restrictions = SENDER_RULE("reject go 100% away"),
          .want = "554 5.7.1 <a@far.test>: Sender address rejected: go 100% away" },
        { .restrictions = SENDER_RULE("DEFER"),
          .want = "450 4.7.1 <a@far.test>: Sender address rejected: Access denied" },
        { .restrictions = SENDER_RULE("550 5.3.2 gone"),
          .want = "550 5.3.2 <a@far.test>: Sender address rejected: gone" },
        { .restrictions = SENDER_RULE("421 bye"),
          .want = "421 4.7.1 <a@far.test>: Sender address rejected: bye" },
        { .restrictions = SENDER_RULE("550 4.2.1 odd"),
          .want = "550 5.2.1 <a@far.test>: Sender address rejected: odd" },
        { .restrictions = SENDER_RULE("DEFER_IF_PERMIT maybe"),
          .want = "450 4.7.1 <a@far.test>: Sender address rejected: maybe" },
        { .restrictions = SENDER_RULE("DEFER_IF_REJECT maybe") ", reject",
          .want = "450 4.7.1 <a@far.test>: Sender address rejected: maybe" },
        { .restrictions = SENDER_RULE("nonsense"), .want = "451 4.3.5 Server configuration error" },
        { .restrictions = SENDER_RULE("reject_plaintext_session, permit"),
          .want = "450 4.7.1 Session encryption is required" },
        { .restrictions =
              SENDER_RULE("FILTER nowhere") ", " SENDER_RULE("BCC x") ", " SENDER_RULE("PREPEND x"),
          .want = "" },
        { .restrictions = SENDER_RULE("550") ", reject", .want = "" },
        { .restrictions = SENDER_RULE("250 fine"), .want = "451 4.3.5 Server configuration error" },
        { .restrictions = "check_sender_access lmdb:/nonexistent/x",
          .want = "451 4.3.5 <a@far.test>: Sender address rejected: Server configuration error" },
        { .restrictions = SENDER_RULE("INFO hello") ", " SENDER_RULE("WARN hello"), .want = "" },
        { .restrictions = "check_sender_access inline:{{<>=REJECT null}}",
          .sender = "",
          .want = "554 5.7.1 <>: Sender address rejected: null" },
        { .restrictions = "check_sender_access inline:{{far.test=REJECT dom}}",
          .sender = "X@Sub.Far.Test",
          .want = "554 5.7.1 <X@Sub.Far.Test>: Sender address rejected: dom" },
        { .restrictions = "check_sender_access inline:{{a@=REJECT user}}",
          .want = "554 5.7.1 <a@far.test>: Sender address rejected: user" },
        { .restrictions = "check_client_access inline:{{far.test=REJECT c}}",
          .want = "554 5.7.1 <client.far.test[198.51.100.7]>: Client host rejected: c" },
        { .restrictions = "check_client_access inline:{{198.51=REJECT net}}",
          .want = "554 5.7.1 <client.far.test[198.51.100.7]>: Client host rejected: net" },
        { .restrictions = "check_helo_access inline:{{helo.far.test=REJECT 5.1.1 h}}",
          .want = "554 5.0.0 <helo.far.test>: Helo command rejected: h" },
        { .restrictions = "inline:{{joe@local.test=REJECT bare}}",
          .want = "554 5.7.1 <joe@local.test>: Recipient address rejected: bare" },
        { .restrictions = "{check_sender_access inline:{{a@far.test=REJECT braces}}}, permit",
          .want = "451 4.3.5 <joe@local.test>: Recipient address rejected: Server configuration "
                  "error" },
        { .restrictions = "{reject}", .want = "451 4.3.5 Server configuration error" },
    };

    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

static void classes_are_lists_of_their_own(void **state)
{
    static const struct recipient_case cases[] = {
        { .restrictions = "strict, permit",
          .more = { { "smtpd_restriction_classes", "strict" },
                    { "strict", "permit_mynetworks, reject" } },
          .want = "554 5.7.1 <joe@local.test>: Recipient address rejected: Access denied" },
        { .restrictions = "lax, reject",
          .more = { { "smtpd_restriction_classes", "lax" }, { "lax", "permit" } },
          .want = "" },
        { .restrictions = "check_recipient_access inline:{{joe@local.test=outer}}, permit",
          .more = { { "smtpd_restriction_classes", "inner, outer" },
                    { "outer", "inner, permit" },
                    { "inner", "check_sender_access inline:{{a@far.test=REJECT inner}}" } },
          .want = "554 5.7.1 <a@far.test>: Sender address rejected: inner" },
        { .restrictions = "check_recipient_access inline:{{joe@local.test=permit, inner}}, reject",
          .more = { { "smtpd_restriction_classes", "inner" }, { "inner", "reject" } },
          .want = "" },
        { .restrictions = "check_recipient_access inline:{{joe@local.test=permit, "
                          "check_sender_access static:OK}}, reject",
          .want = "451 4.3.5 Server configuration error" },
        { .restrictions = "loop, reject",
          .more = { { "smtpd_restriction_classes", "loop" }, { "loop", "loop" } },
          .want = "451 4.3.5 Server configuration error" },
        { .restrictions = "warn_if_reject strict, permit",
          .more = { { "smtpd_restriction_classes", "strict" },
                    { "strict", "reject_plaintext_session, reject" } },
          .want = "" },
    };

    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

static void a_warning_in_front_of_a_refusal_only_logs_it(void **state)
{
    static const struct setting settings[] = {
        { "smtpd_recipient_restrictions", "warn_if_reject reject_plaintext_session, reject" },
    };
    struct smtp_rcpt rcpt = { .path = STR("joe@local.test"), .address = STR("joe@local.test") };
    struct fake f;

    (void)state;
    fake_open(&f, settings, ARRAY_LEN(settings));
    assert_reply(access_judge_recipient(&f.session, &rcpt),
                 "554 5.7.1 <joe@local.test>: Recipient address rejected: Access denied",
                 "the next one counts");
    assert_string_equal(
        buf_cstr(&fake_log),
        "NOQUEUE: reject_warning: RCPT from client.far.test[198.51.100.7]: 450 4.7.1 Session "
        "encryption is "
        "required; from=<a@far.test> to=<joe@local.test> proto=SMTP helo=<helo.far.test>\n");
    fake_close(&f);
}

static void side_effects_wait_in_the_transaction(void **state)
{
    static const struct setting settings[] = {
        { "smtpd_recipient_restrictions",
          SENDER_RULE("HOLD because") ", " SENDER_RULE("FILTER smtp:[x]") ", " SENDER_RULE(
              "REDIRECT r@x.test") ", " SENDER_RULE("BCC b@x.test") ", " SENDER_RULE("PREPEND X-A: "
                                                                                     "b") },
    };
    struct smtp_rcpt rcpt = { .path = STR("joe@local.test"), .address = STR("joe@local.test") };
    struct fake f;

    (void)state;
    fake_open(&f, settings, ARRAY_LEN(settings));
    assert_reply(access_judge_recipient(&f.session, &rcpt), "", "accepted");
    const struct actions *a = &f.session.t.actions;
    assert_true(a->hold && !a->discard);
    assert_true(str_equal(a->filter, STR("smtp:[x]")));
    assert_true(str_equal(a->redirect, STR("r@x.test")));
    assert_true(str_equal(buf_str(&a->bcc), STR("b@x.test\0")));
    assert_true(str_equal(buf_str(&a->prepend), STR("X-A: b\n")));
    fake_close(&f);
}

static void permits_are_logged_when_asked_for(void **state)
{
    static const struct setting settings[] = {
        { "smtpd_recipient_restrictions", "permit_auth_destination" },
        { "smtpd_log_access_permit_actions", "permit_auth_destination" },
    };
    struct smtp_rcpt rcpt = { .path = STR("joe@local.test"), .address = STR("joe@local.test") };
    struct fake f;

    (void)state;
    fake_open(&f, settings, ARRAY_LEN(settings));
    assert_reply(access_judge_recipient(&f.session, &rcpt), "", "accepted");
    assert_string_equal(
        buf_cstr(&fake_log),
        "NOQUEUE: permit: RCPT from client.far.test[198.51.100.7]: action=permit_auth_destination "
        "for "
        "Recipient address=joe@local.test ; from=<a@far.test> to=<joe@local.test> proto=SMTP "
        "helo=<helo.far.test>\n");
    fake_close(&f);
}

static void senders_belong_to_their_logins(void **state)
{
    static const struct {
        const char *rule, *login, *sender, *want;
    } cases[] = {
        { "reject_sender_login_mismatch", "", "own@far.test",
          "553 5.7.1 <own@far.test>: Sender address rejected: not logged in" },
        { "reject_sender_login_mismatch", "", "free@far.test", "" },
        { "reject_sender_login_mismatch", "ann", "own@far.test", "" },
        { "reject_sender_login_mismatch", "bob", "own@far.test",
          "553 5.7.1 <own@far.test>: Sender address rejected: not owned by user bob" },
        { "reject_sender_login_mismatch", "bob", "free@far.test",
          "553 5.7.1 <free@far.test>: Sender address rejected: not owned by user bob" },
        { "reject_known_sender_login_mismatch", "bob", "free@far.test", "" },
        { "reject_known_sender_login_mismatch", "bob", "own@far.test",
          "553 5.7.1 <own@far.test>: Sender address rejected: not owned by user bob" },
        { "reject_authenticated_sender_login_mismatch", "", "own@far.test", "" },
        { "reject_authenticated_sender_login_mismatch", "bob", "free@far.test",
          "553 5.7.1 <free@far.test>: Sender address rejected: not owned by user bob" },
        { "reject_unauthenticated_sender_login_mismatch", "bob", "own@far.test", "" },
        { "reject_unauthenticated_sender_login_mismatch", "", "own@far.test",
          "553 5.7.1 <own@far.test>: Sender address rejected: not logged in" },
    };
    struct smtp_rcpt rcpt = { .path = STR("joe@local.test"), .address = STR("joe@local.test") };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct setting settings[] = { { "smtpd_recipient_restrictions", cases[i].rule },
                                      { "smtpd_sasl_auth_enable", "yes" },
                                      { "smtpd_sender_login_maps",
                                        "inline:{{own@far.test=root, ann}}" } };
        struct fake f;
        fake_open(&f, settings, ARRAY_LEN(settings));
        f.session.t.sender = f.session.t.sender_path = str_from(cases[i].sender);
        f.session.login.name = cases[i].login[0] ? str_from(cases[i].login) : STR_NONE;
        assert_reply(access_judge_recipient(&f.session, &rcpt), cases[i].want, cases[i].rule);
        fake_close(&f);
    }
}

static void status_codes_fit_what_they_are_about(void **state)
{
    static const struct {
        enum subject_kind about;
        const char *given, *want;
    } cases[] = {
        { SUBJECT_SENDER, "5.1.1", "5.1.7" },    { SUBJECT_SENDER, "5.1.2", "5.1.8" },
        { SUBJECT_SENDER, "4.1.5", "4.1.0" },    { SUBJECT_SENDER, "5.1.7", "5.1.7" },
        { SUBJECT_SENDER, "5.1.9", "5.1.0" },    { SUBJECT_SENDER, "5.7.1", "5.7.1" },
        { SUBJECT_RECIPIENT, "5.1.7", "5.1.3" }, { SUBJECT_RECIPIENT, "5.1.8", "5.1.2" },
        { SUBJECT_RECIPIENT, "5.1.1", "5.1.1" }, { SUBJECT_RECIPIENT, "5.1.10", "5.1.0" },
        { SUBJECT_CLIENT, "5.1.1", "5.0.0" },    { SUBJECT_HELO, "4.1.8", "4.0.0" },
        { SUBJECT_CLIENT, "5.7.1", "5.7.1" },
    };
    struct arena arena = ARENA_INIT;
    struct judge j = { .arena = &arena };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(str_equal(judge_fit_status(&j, cases[i].about, str_from(cases[i].given)),
                              str_from(cases[i].want)));
    arena_free(&arena);
}

static void early_lists_are_judged_at_once_without_delay(void **state)
{
    static const struct setting settings[] = {
        { "smtpd_delay_reject", "no" },
        { "smtpd_client_restrictions", "check_client_access inline:{{198.51.100.7=REJECT c}}" },
        { "smtpd_helo_restrictions", "reject_non_fqdn_helo_hostname, reject" },
        { "smtpd_data_restrictions", "reject" },
        { "smtpd_etrn_restrictions", "reject" },
    };
    struct fake f;

    (void)state;
    fake_open(&f, settings, ARRAY_LEN(settings));
    f.session.t.active = false;
    assert_reply(access_judge(&f.session, ACCESS_CONNECT, STR_NONE),
                 "554 5.7.1 <client.far.test[198.51.100.7]>: Client host rejected: c", "connect");
    f.session.helo = STR("short");
    assert_reply(access_judge(&f.session, ACCESS_HELO, STR_NONE),
                 "504 5.5.2 <short>: Helo command rejected: need fully-qualified hostname", "helo");
    assert_reply(access_judge(&f.session, ACCESS_DATA, STR_NONE),
                 "554 5.7.1 <DATA>: Data command rejected: Access denied", "data");
    assert_reply(access_judge(&f.session, ACCESS_ETRN, STR("d.test")),
                 "554 5.7.1 <d.test>: Etrn command rejected: Access denied", "etrn");
    fake_close(&f);
}

static void headers_are_completed_for_those_who_are_listed(void **state)
{
    static const struct {
        const char *clients, *address;
        bool want;
    } cases[] = {
        { "permit_inet_interfaces", "127.0.0.1", true },
        { "permit_inet_interfaces", "192.0.2.1", false },
        { "permit_mynetworks", "192.0.2.1", true },
        { "static:all", "198.51.100.7", true },
        { "check_address_map inline:{198.51.100.7=x}", "198.51.100.7", true },
        { "inline:{198.51.100.7=x}", "198.51.100.8", false },
        { "permit_sasl_authenticated, permit_tls_clientcerts", "198.51.100.8", false },
        { "", "127.0.0.1", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct setting settings[] = { { "local_header_rewrite_clients", cases[i].clients } };
        BUF_AUTO(why, 0);
        struct fake f;
        fake_open(&f, settings, 1);
        assert_true(interfaces_resolve(site_conf.inet_interfaces, site_conf.inet_protocols,
                                       &f.setup.interfaces, &why));
        f.session.peer.address = str_from(cases[i].address);
        f.session.peer.is_own = interfaces_contain(&f.setup.interfaces, f.session.peer.address);
        assert_int_equal(access_rewrites_locally(&f.session), cases[i].want);
        interfaces_free(&f.setup.interfaces);
        fake_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_the_language_give_their_replies),
        cmocka_unit_test(what_is_said_of_a_message_is_said_of_its_only_recipient),
        cmocka_unit_test(doubts_wait_for_a_recipient),
        cmocka_unit_test(actions_of_access_tables_give_their_replies),
        cmocka_unit_test(classes_are_lists_of_their_own),
        cmocka_unit_test(a_warning_in_front_of_a_refusal_only_logs_it),
        cmocka_unit_test(side_effects_wait_in_the_transaction),
        cmocka_unit_test(permits_are_logged_when_asked_for),
        cmocka_unit_test(senders_belong_to_their_logins),
        cmocka_unit_test(status_codes_fit_what_they_are_about),
        cmocka_unit_test(early_lists_are_judged_at_once_without_delay),
        cmocka_unit_test(headers_are_completed_for_those_who_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
