#include "base/attr.h"
#include "sasl/client.h"
#include "tls/digest.h"
#include "unit.h"

#include <string.h>

static const struct sasl_policy anything;

/* What client and server say in turn: the examples of the RFCs. */
static const struct dialogue {
    const char *mechanism, *user, *password, *nonce;
    const char *first;    /* NULL: the server begins */
    const char *steps[5]; /* challenge, response, ... */
    bool content;
} dialogues[] = {
    { "SCRAM-SHA-1",
      "user",
      "pencil",
      "fyko+d2lbbFgONRv9qkxdawL",
      "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
      { "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", "" },
      true },
    { "SCRAM-SHA-256",
      "user",
      "pencil",
      "rOprNGfwEbeRWgbNEkqO",
      "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
      { "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "" },
      true },
    { "CRAM-MD5",
      "tim",
      "tanstaaftanstaaf",
      "",
      NULL,
      { "<1896.697170952@postoffice.reston.mci.net>", "tim b913a602c7eda7a495b4e6e7334d3890" },
      true },
    { "LOGIN", "ana", "pw:x", "", NULL, { "Username:", "ana", "Password:", "pw:x" }, true },
    { "XOAUTH2",
      "a@x.test",
      "ya29.t",
      "",
      "user=a@x.test\001auth=Bearer ya29.t\001\001",
      { "{\"status\":\"401\"}", "" },
      true },
    { "OAUTHBEARER",
      "a@x.test",
      "vF9d",
      "",
      "n,a=a@x.test,\001host=mx.test\001port=587\001auth=Bearer vF9d\001\001",
      { "{\"status\":\"invalid_token\"}", "\001" },
      true },
};

static struct sasl_credentials credentials_of(const struct dialogue *d)
{
    return (struct sasl_credentials){ .user = str_from(d->user),
                                      .password = str_from(d->password),
                                      .authzid = STR(""),
                                      .host = STR("mx.test"),
                                      .port = 587,
                                      .nonce = str_from(d->nonce),
                                      .digests = digests_open() };
}

static void assert_text(const struct buf *got, const char *want)
{
    assert_true(str_equal(buf_str(got), str_from(want)));
}

static void play(const struct dialogue *d)
{
    struct sasl_credentials who = credentials_of(d);
    struct sasl_client c;
    BUF_AUTO(first, 0);

    sasl_client_init(&c, sasl_client_choose(str_from(d->mechanism), anything, true), &who);
    assert_int_equal(sasl_client_first(&c, &first), d->first != NULL);
    if (d->first)
        assert_text(&first, d->first);
    for (size_t i = 0; i + 1 < ARRAY_LEN(d->steps) && d->steps[i]; i += 2) {
        BUF_AUTO(response, 0);
        assert_true(sasl_client_respond(&c, str_from(d->steps[i]), &response));
        assert_text(&response, d->steps[i + 1]);
    }
    assert_int_equal(sasl_client_is_content(&c), d->content);
    sasl_client_fini(&c);
}

static void mechanisms_speak_as_their_standards_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(dialogues); i++)
        play(&dialogues[i]);
}

static void plain_says_all_at_once(void **state)
{
    struct sasl_credentials who = { .user = STR("ana"), .password = STR("pw"), .authzid = STR("") };
    struct sasl_client c;
    BUF_AUTO(first, 0);
    BUF_AUTO(more, 0);

    (void)state;
    sasl_client_init(&c, sasl_client_choose(STR("plain"), anything, false), &who);
    assert_true(sasl_client_first(&c, &first));
    assert_true(str_equal(buf_str(&first), (struct str){ "\0ana\0pw", 7 }));
    assert_false(sasl_client_respond(&c, STR("more?"), &more));
    sasl_client_fini(&c);
}

static void the_best_mechanism_is_chosen_that_the_site_allows(void **state)
{
    static const struct sasl_policy careful = { .forbidden = SASL_PLAINTEXT };
    static const struct {
        const char *offer;
        bool careful, token;
        const char *want; /* NULL: none */
    } cases[] = {
        { "LOGIN PLAIN", false, false, "PLAIN" },
        { "LOGIN PLAIN CRAM-MD5", false, false, "CRAM-MD5" },
        { "SCRAM-SHA-1 cram-md5 SCRAM-SHA-256", false, false, "SCRAM-SHA-256" },
        { "LOGIN PLAIN", true, false, NULL },
        { "LOGIN PLAIN CRAM-MD5", true, false, "CRAM-MD5" },
        { "PLAIN XOAUTH2", false, false, "PLAIN" },
        { "PLAIN XOAUTH2", false, true, "XOAUTH2" },
        { "XOAUTH2", false, false, NULL },
        { "GSSAPI NTLM", false, false, NULL },
        { "", false, false, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct sasl_client_mechanism *m = sasl_client_choose(
            str_from(cases[i].offer), cases[i].careful ? careful : anything, cases[i].token);
        if (cases[i].want == NULL)
            assert_null(m);
        else
            assert_true(m && str_equal(sasl_client_name(m), str_from(cases[i].want)));
    }
}

static void a_scram_server_that_knows_no_password_is_not_believed(void **state)
{
    static const char offer[] =
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
    static const char *const ends[] = { NULL, "v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "e=other-error", "",
                                        "x" };
    struct sasl_credentials who = credentials_of(&dialogues[0]);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct sasl_client c;
        BUF_AUTO(first, 0);
        BUF_AUTO(second, 0);
        BUF_AUTO(third, 0);
        sasl_client_init(&c, sasl_client_choose(STR("SCRAM-SHA-1"), anything, false), &who);
        assert_true(sasl_client_first(&c, &first));
        assert_true(sasl_client_respond(&c, str_from(offer), &second));
        if (ends[i])
            assert_int_equal(sasl_client_respond(&c, str_from(ends[i]), &third), i == 2);
        assert_false(sasl_client_is_content(&c));
        sasl_client_fini(&c);
    }
}

static void hostile_scram_offers_are_refused(void **state)
{
    static const char *const offers[] = {
        "",
        "r=fyko+d2lbbFgONRv9qkxdawL,s=QSXCR+Q6sek8bf92,i=4096",        /* nothing of the server's */
        "r=other,s=QSXCR+Q6sek8bf92,i=4096",                           /* not ours */
        "r=fyko+d2lbbFgONRv9qkxdawLx,s=,i=4096",                       /* no salt */
        "r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=0",          /* no work */
        "r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=2000000000", /* work for hours */
        "r=fyko+d2lbbFgONRv9qkxdawLx,s=!!,i=4096",
        "m=x,r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=4096",
    };
    struct sasl_credentials who = credentials_of(&dialogues[0]);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(offers); i++) {
        struct sasl_client c;
        BUF_AUTO(first, 0);
        BUF_AUTO(second, 0);
        sasl_client_init(&c, sasl_client_choose(STR("SCRAM-SHA-1"), anything, false), &who);
        assert_true(sasl_client_first(&c, &first));
        assert_false(sasl_client_respond(&c, str_from(offers[i]), &second));
        sasl_client_fini(&c);
    }
}

static void names_with_commas_are_escaped(void **state)
{
    struct sasl_credentials who = credentials_of(&dialogues[0]);
    struct sasl_client c;
    BUF_AUTO(first, 0);

    (void)state;
    who.user = STR("a,b=c");
    sasl_client_init(&c, sasl_client_choose(STR("SCRAM-SHA-1"), anything, false), &who);
    assert_true(sasl_client_first(&c, &first));
    assert_true(str_starts(buf_str(&first), STR("n,,n=a=2Cb=3Dc,r=")));
    sasl_client_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mechanisms_speak_as_their_standards_say),
        cmocka_unit_test(plain_says_all_at_once),
        cmocka_unit_test(the_best_mechanism_is_chosen_that_the_site_allows),
        cmocka_unit_test(a_scram_server_that_knows_no_password_is_not_believed),
        cmocka_unit_test(hostile_scram_offers_are_refused),
        cmocka_unit_test(names_with_commas_are_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
