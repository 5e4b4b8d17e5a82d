#include "base/log.h"
#include "base/number.h"
#include "local/pipe/pipe.h"

/* Letters of flags=, and what each asks for. */
static const struct {
    char letter;
    unsigned copy, flag;
} letters[] = {
    { 'B', COPY_BLANK_END, 0 }, { 'D', COPY_DELIVERED_TO, 0 }, { 'F', COPY_FROM_LINE, 0 },
    { 'O', COPY_ORIG_TO, 0 },   { 'R', COPY_RETURN_PATH, 0 },  { 'X', 0, PIPE_FINAL },
    { '.', COPY_DOT_STUFF, 0 }, { '>', COPY_QUOTE_FROM, 0 },   { 'h', 0, PIPE_FOLD_DOMAIN },
    { 'u', 0, PIPE_FOLD_USER }, { 'q', 0, PIPE_QUOTE },
};

static void take_flags(struct pipe_settings *s, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        size_t row = 0;
        while (row < ARRAY_LEN(letters) && letters[row].letter != text.ptr[i])
            row++;
        if (row == ARRAY_LEN(letters))
            log_fatal("unknown flag: %c (ignored)", text.ptr[i]);
        s->copy_flags |= letters[row].copy;
        s->flags |= letters[row].flag;
    }
}

static int octal(struct str *s)
{
    int value = 0;

    for (int digits = 0; digits < 3 && s->len && s->ptr[0] >= '0' && s->ptr[0] <= '7'; digits++) {
        value = value * 8 + (s->ptr[0] - '0');
        *s = str_skip(*s, 1);
    }
    return value;
}

/* C escapes: eol=\r\n */
static struct str unescape(struct arena *a, struct str s)
{
    static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
    BUF_AUTO(out, 0);

    while (s.len) {
        char c = s.ptr[0];
        s = str_skip(s, 1);
        if (c != '\\' || s.len == 0) {
            buf_addc(&out, c);
            continue;
        }
        const char *known = strchr(from, s.ptr[0]);
        if (s.ptr[0] && known) {
            buf_addc(&out, to[known - from]);
            s = str_skip(s, 1);
        } else if (s.ptr[0] >= '0' && s.ptr[0] <= '7') {
            buf_addc(&out, (char)octal(&s));
        } else {
            buf_addc(&out, s.ptr[0]);
            s = str_skip(s, 1);
        }
    }
    return arena_str(a, buf_str(&out));
}

static const struct owner_arg_words owner_words = {
    .unknown_user = "get_service_attr: unknown username",
    .unknown_group = "get_service_attr: unknown group",
    .root = "user= command-line attribute specifies root privileges",
    .mail_owner = "user= command-line attribute specifies mail system owner",
    .names_mail_owner = true,
};

static void take_size(struct pipe_settings *s, struct str text)
{
    if (!number_parse_range(text, 0, INT64_MAX, &s->size_limit))
        log_fatal("get_service_attr: bad size= value: " STR_FMT, STR_ARG(text));
}

static void take_attribute(struct pipe_settings *s, struct arena *a, struct str arg)
{
    struct str value = arg;
    struct str name = str_cut(&value, '=');

    if (!str_has(arg, '='))
        log_fatal("unknown attribute name: " STR_FMT, STR_ARG(arg));
    if (str_equal(name, STR("flags")))
        take_flags(s, value);
    else if (str_equal(name, STR("user")))
        s->owner = owner_arg_parse(value, &owner_words);
    else if (str_equal(name, STR("eol")))
        s->eol = unescape(a, value);
    else if (str_equal(name, STR("null_sender")))
        s->null_sender = value;
    else if (str_equal(name, STR("size")))
        take_size(s, value);
    else if (str_equal(name, STR("directory")))
        s->directory = arena_cstr(a, value);
    else if (str_equal(name, STR("chroot")))
        s->chroot = arena_cstr(a, value);
    else
        log_fatal("unknown attribute name: " STR_FMT, STR_ARG(arg));
}

void pipe_settings_parse(struct pipe_settings *s, struct arena *forever, char **args, int count)
{
    *s = (struct pipe_settings){ .null_sender = STR("MAILER-DAEMON"), .eol = STR("\n") };
    for (int i = 0; i < count && s->argv == NULL; i++) {
        struct str arg = str_from(args[i]);
        if (str_starts(arg, STR("argv="))) {
            args[i] += sizeof "argv=" - 1;
            s->argv = args + i;
        } else {
            take_attribute(s, forever, arg);
        }
    }
    if (!s->owner.given)
        log_fatal("missing user= command-line attribute");
    if (s->argv == NULL || s->argv[0] == NULL || s->argv[0][0] == '\0')
        log_fatal("missing argv= command-line attribute");
}
