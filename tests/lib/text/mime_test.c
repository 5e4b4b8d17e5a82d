
#include "text/mime.h"
#include "unit.h"

/* What comes out: `P:`, `M:` or `N:` and a header of that part, `=` at the end of the head, `>` and
 * body lines, `!` and errors. */
struct trace {
    struct buf out;
    bool in_line;
};

static void on_header(void *context, enum mime_part part, const struct header_info *info,
                      struct str header)
{
    static const char *const marks[] = { "P: ", "M: ", "N: " };
    struct trace *t = context;

    (void)info;
    buf_join(&t->out, str_from(marks[part]), header, STR("\n"));
}

static void on_head_end(void *context) { buf_add(&((struct trace *)context)->out, STR("=\n")); }

static void on_body(void *context, struct str piece, bool ends_line)
{
    struct trace *t = context;

    buf_join(&t->out, t->in_line ? STR("") : STR("> "), piece, ends_line ? STR("\n") : STR("|"));
    t->in_line = !ends_line;
}

static void on_error(void *context, enum mime_error error, struct str text)
{
    (void)text;
    buf_join(&((struct trace *)context)->out, STR("! "), mime_error_text(error), STR("\n"));
}

static const struct mime_sink sink = { on_header, on_head_end, on_body, NULL, on_error };

static void check(unsigned flags, const char *text, const char *want)
{
    const struct mime_options options = { flags, 200, 100, 3 };
    struct trace t = { .in_line = false };
    struct mime *m = mime_new(&options, &sink, &t);
    struct str rest = str_from(text);

    while (rest.len)
        mime_line(m, str_cut(&rest, '\n'), true);
    mime_finish(m);
    mime_free(m);
    assert_string_equal(buf_cstr(&t.out), want);
    buf_free(&t.out);
}

static void simple_message_is_head_and_body(void **state)
{
    (void)state;
    check(0, "A: 1\nB: 2\n  more\n\nbody\n\nend\n",
          "P: A: 1\nP: B: 2\n  more\n=\n> \n> body\n> \n> end\n");
    check(0, "A: 1\n", "P: A: 1\n=\n");
    check(0, "\nbody\n", "=\n> \n> body\n");
    check(0, "", "=\n");
}

static void text_in_header_place_is_set_off(void **state)
{
    (void)state;
    check(MIME_REPORT_BAD_HEADER_END, "A: 1\nno header\nB: 2\n",
          "P: A: 1\n=\n! primary header was terminated with non-empty line\n> \n> no header\n> B: "
          "2\n");
    check(0, " starts with blank\n", "=\n> \n>  starts with blank\n");
}

static const char parts[] =
    "Content-Type: multipart/mixed;\n boundary=\"b1\"\n"
    "\npreamble\n--b1\nContent-Type: text/plain\n\ntext\n"
    "--b1 \nContent-Type: message/rfc822\n\nX-Nested: yes\n\ninner\n--b1--\nepilogue: x\n";

static void parts_and_enclosed_messages_are_found(void **state)
{
    (void)state;
    check(0, parts,
          "P: Content-Type: multipart/mixed;\n boundary=\"b1\"\n=\n> \n> preamble\n> --b1\nM: "
          "Content-Type: text/plain\n> \n> text\n"
          "> --b1 \nM: Content-Type: message/rfc822\n> \nN: X-Nested: yes\n> \n> inner\n> "
          "--b1--\n> epilogue: x\n");
    check(MIME_DISABLE, "Content-Type: multipart/mixed; boundary=b\n\n--b\nX: y\n",
          "P: Content-Type: multipart/mixed; boundary=b\n=\n> \n> --b\n> X: y\n");
}

static void outer_boundary_ends_inner_parts(void **state)
{
    (void)state;
    check(0,
          "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; "
          "boundary=oi\n\n--oi\nA: 1\n--o\nB: 2\n--oi\n",
          "P: Content-Type: multipart/mixed; boundary=o\n=\n> \n> --o\nM: Content-Type: "
          "multipart/mixed; boundary=oi\n> \n> --oi\n"
          "M: A: 1\n> --o\nM: B: 2\n> --oi\n");
}

static void digest_parts_are_messages(void **state)
{
    (void)state;
    check(0, "Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: in\n\nx\n--d--\n",
          "P: Content-Type: multipart/digest; boundary=d\n=\n> \n> --d\n> \nN: Subject: in\n> \n> "
          "x\n> --d--\n");
}

static void eight_bit_parts_become_quoted_printable(void **state)
{
    (void)state;
    check(MIME_DOWNGRADE,
          "Content-Transfer-Encoding: 8bit\nContent-Type: text/plain\n\ncaf\xe9 = a \nx\t\n\n",
          "P: Content-Type: text/plain\nP: Content-Transfer-Encoding: quoted-printable\n=\n> \n> "
          "caf=E9 =3D a=20\n> x=09\n> \n");
    check(MIME_DOWNGRADE,
          "Content-Type: multipart/signed; boundary=b\nContent-Transfer-Encoding: binary\n\n--b\n"
          "Content-Transfer-Encoding: 8bit\n\nm\xc3\xa9\n--b\n\nplain \xe9\n--b--\n",
          "P: Content-Type: multipart/signed; boundary=b\nP: Content-Transfer-Encoding: 7bit\n=\n> "
          "\n> --b\n"
          "M: Content-Transfer-Encoding: quoted-printable\n> \n> m=C3=A9\n> --b\n> \n> plain "
          "\xe9\n> --b--\n");
    check(MIME_DOWNGRADE, "A: b\n\ncaf\xe9\n", "P: A: b\n=\n> \n> caf\xe9\n");
}

static void quoted_printable_lines_are_short(void **state)
{
    (void)state;
    char text[400] = "Content-Transfer-Encoding: 8bit\n\n";
    char want[400] = "P: Content-Transfer-Encoding: quoted-printable\n=\n> \n> ";

    for (int i = 0; i < 76; i++)
        strcat(text, "y");
    for (int i = 0; i < 73; i++) /* room for a coded byte and the soft line break */
        strcat(want, "y");
    strcat(want, "=\n> yyy\n");
    check(MIME_DOWNGRADE, text, want);
}

static void strictness_is_reported_once_each(void **state)
{
    (void)state;
    check(MIME_REPORT_8BIT_HEADER | MIME_REPORT_8BIT_BODY, "A: \xe9\nB: \xe9\n\n\xe9\n\xe9\n",
          "! improper use of 8-bit data in message header\nP: A: \xe9\nP: B: \xe9\n=\n> \n"
          "! improper use of 8-bit data in message body\n> \xe9\n> \xe9\n");
    check(MIME_REPORT_8BIT_BODY, "Content-Transfer-Encoding: 8bit\n\n\xe9\n",
          "P: Content-Transfer-Encoding: 8bit\n=\n> \n> \xe9\n");
    check(MIME_REPORT_ENCODING_DOMAIN,
          "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTox\n",
          "P: Content-Type: message/rfc822\nP: Content-Transfer-Encoding: base64\n"
          "! invalid message/* or multipart/* encoding domain\n=\n> \n> QTox\n");
}

static void nesting_and_header_length_have_limits(void **state)
{
    (void)state;
    const struct mime_options options = { MIME_REPORT_NESTING | MIME_REPORT_LONG_HEADER, 10, 100,
                                          2 };
    struct trace t = { .in_line = false };
    struct mime *m = mime_new(&options, &sink, &t);

    mime_line(m, STR("A: 3456789012345"), false);
    mime_line(m, STR("678"), true);
    mime_line(m, STR(" more"), true);
    mime_line(m, STR("B: 1"), true);
    mime_finish(m);
    mime_free(m);
    assert_string_equal(
        buf_cstr(&t.out),
        "! message header length exceeds safety limit\nP: A: 3456789\nP: B: 1\n=\n");
    buf_free(&t.out);
    check(MIME_REPORT_NESTING,
          "Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\nContent-Type: "
          "message/rfc822\n\nContent-Type: message/rfc822\n\nA: b\n",
          "P: Content-Type: message/rfc822\n=\n> \nN: Content-Type: message/rfc822\n> \nN: "
          "Content-Type: message/rfc822\n> \n"
          "N: Content-Type: message/rfc822\n> \n! MIME nesting exceeds safety limit\n> A: b\n");
}

static void pieces_of_a_long_line_pass_through(void **state)
{
    (void)state;
    const struct mime_options options = { MIME_DOWNGRADE, 1000, 100, 2 };
    struct trace t = { .in_line = false };
    struct mime *m = mime_new(&options, &sink, &t);

    mime_line(m, STR("Content-Transfer-Encoding: 8"), false);
    mime_line(m, STR("bit"), true);
    mime_line(m, STR(""), true);
    mime_line(m, STR("caf\xe9 "), false);
    mime_line(m, STR(" "), false);
    mime_line(m, STR("x"), true);
    mime_line(m, STR("open"), false);
    mime_finish(m);
    mime_free(m);
    assert_string_equal(
        buf_cstr(&t.out),
        "P: Content-Transfer-Encoding: quoted-printable\n=\n> \n> caf=E9  x\n> open\n");
    buf_free(&t.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_message_is_head_and_body),
        cmocka_unit_test(text_in_header_place_is_set_off),
        cmocka_unit_test(parts_and_enclosed_messages_are_found),
        cmocka_unit_test(outer_boundary_ends_inner_parts),
        cmocka_unit_test(digest_parts_are_messages),
        cmocka_unit_test(eight_bit_parts_become_quoted_printable),
        cmocka_unit_test(quoted_printable_lines_are_short),
        cmocka_unit_test(strictness_is_reported_once_each),
        cmocka_unit_test(nesting_and_header_length_have_limits),
        cmocka_unit_test(pieces_of_a_long_line_pass_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
