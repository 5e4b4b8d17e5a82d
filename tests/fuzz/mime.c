/* Following the structure changes nothing: headers and body come out as they went in, whatever the
 * flags ask to report. With conversion, nothing that was declared 8bit stays so, and
 * quoted-printable lines are short ASCII. */
#include "text/mime.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

struct output {
    struct buf text;
    int head_ends, ends;
    unsigned errors;
};

static void on_header(void *context, enum mime_part part, const struct header_info *info,
                      struct str header)
{
    struct output *o = context;
    size_t n = header_name_length(header);

    must(part <= MIME_NESTED &&
         (info == NULL || str_equal_nocase(info->name, str_sub(header, 0, n))));
    must(header.len > 0 && o->ends == 0 && (o->head_ends == 0 || part != MIME_PRIMARY));
    buf_join(&o->text, header, STR("\n"));
}

static void on_head_end(void *context)
{
    struct output *o = context;

    must(o->head_ends++ == 0);
}

static void on_body(void *context, struct str piece, bool ends_line)
{
    struct output *o = context;

    must(o->head_ends == 1);
    buf_join(&o->text, piece, ends_line ? STR("\n") : STR(""));
}

static void on_end(void *context) { ((struct output *)context)->ends++; }

static void on_error(void *context, enum mime_error error, struct str text)
{
    struct output *o = context;

    (void)text;
    must((o->errors & error) == 0 && mime_error_text(error).len > 8);
    o->errors |= error;
}

static const struct mime_sink sink = { on_header, on_head_end, on_body, on_end, on_error };

/* Lines go in whole or in pieces of `step`. */
static void follow(struct str text, size_t step, const struct mime_options *options,
                   struct output *o)
{
    struct mime *m = mime_new(options, &sink, o);

    while (text.len) {
        struct str line = str_cut(&text, '\n');
        while (line.len > step) {
            mime_line(m, str_sub(line, 0, step), false);
            line = str_skip(line, step);
        }
        mime_line(m, line, true);
    }
    mime_finish(m);
    must(o->head_ends == 1 && o->ends == 1 && o->errors == mime_errors(m));
    mime_free(m);
}

static void check_copy(struct str text, size_t step, struct mime_options options)
{
    struct output o = { .errors = 0 };
    BUF_AUTO(expected, 0);

    options.flags &= ~(unsigned)MIME_DOWNGRADE;
    follow(text, step, &options, &o);
    buf_join(&expected, text, text.len && !str_ends(text, STR("\n")) ? STR("\n") : STR(""));
    if ((o.errors & (MIME_ERROR_LONG_HEADER | MIME_ERROR_HEADER_END)) == 0)
        must(str_equal(buf_str(&o.text), buf_str(&expected)));
    buf_free(&o.text);
}

static void check_conversion(struct str text, size_t step, struct mime_options options)
{
    struct output first = { .errors = 0 }, second = { .errors = 0 };

    options.flags |= MIME_DOWNGRADE;
    follow(text, step, &options, &first);
    follow(buf_str(&first.text), 1 << 20, &options, &second);
    /* What was converted has nothing to convert any more, unless lines moved. */
    if (((first.errors | second.errors) &
         (MIME_ERROR_LONG_HEADER | MIME_ERROR_HEADER_END | MIME_ERROR_NESTING)) == 0 &&
        step > 1000)
        must(str_equal(buf_str(&first.text), buf_str(&second.text)));
    buf_free(&first.text);
    buf_free(&second.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4 || size > 1 << 14)
        return 0;
    struct mime_options options = {
        .flags = (data[0] | (unsigned)data[1] << 8 | MIME_REPORT_LONG_HEADER |
                  MIME_REPORT_BAD_HEADER_END | MIME_REPORT_NESTING) &
                 0x1ff,
        .header_limit = 20 + 8 * data[2],
        .boundary_limit = 1 + data[2] % 20,
        .nesting_limit = data[3] % 8,
    };
    struct str text = { (const char *)data + 4, size - 4 };
    check_copy(text, 1 + data[3], options);
    check_copy(text, 1 << 20, options);
    check_conversion(text, 1 + data[3], options);
    check_conversion(text, 1 << 20, options);
    return 0;
}
