#include "pickup/options.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void option_fn(struct sendmail_options *o, const char *arg);

static void ignore(struct sendmail_options *o, const char *arg)
{
    (void)o;
    (void)arg;
}

static void body_type(struct sendmail_options *o, const char *arg)
{
    struct str type = str_from(arg);

    if (str_equal(type, STR("8BITMIME")))
        o->envelope.encoding = "8bit";
    else if (str_equal(type, STR("7BIT")))
        o->envelope.encoding = "7bit";
    else
        log_fatal("-B option needs 8BITMIME or 7BIT");
}

static void big_mode(struct sendmail_options *o, const char *arg)
{
    static const struct {
        char letter;
        enum sendmail_mode mode;
    } modes[] = {
        { 'd', SENDMAIL_DAEMON },  { 'l', SENDMAIL_DAEMON },  { 'h', SENDMAIL_NOTHING },
        { 'H', SENDMAIL_NOTHING }, { 'i', SENDMAIL_ALIASES }, { 'm', SENDMAIL_SUBMIT },
        { 'p', SENDMAIL_LIST },    { 's', SENDMAIL_SMTP },    { 'v', SENDMAIL_SUBMIT },
    };

    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (*arg == modes[i].letter) {
            o->mode = modes[i].mode;
            if (*arg == 'v')
                o->envelope.trace_flags |= SUBMISSION_TRACE_VERIFY;
            return;
        }
    log_fatal("unsupported: -b%c", *arg);
}

/* A file in the configuration directory, or the directory itself. */
static void config_file(struct sendmail_options *o, const char *arg)
{
    const char *slash = strrchr(arg, '/');
    bool is_file =
        slash && (strcmp(slash, "/main.cf") == 0 || (access(arg, F_OK) == 0 && strchr(slash, '.')));

    if (is_file) {
        char *directory = mem_copy_cstr(arg);
        directory[slash - arg] = '\0';
        arg = directory;
    }
    o->config_dir = arg;
}

static void not_supported(struct sendmail_options *o, const char *arg)
{
    (void)o;
    (void)arg;
    log_fatal("-n option not supported");
}

static void full_name(struct sendmail_options *o, const char *arg) { o->full_name = arg; }
static void gateway(struct sendmail_options *o, const char *arg)
{
    (void)arg;
    o->envelope.remote = true;
}
static void aliases(struct sendmail_options *o, const char *arg)
{
    (void)arg;
    o->mode = SENDMAIL_ALIASES;
}
static void no_dots(struct sendmail_options *o, const char *arg)
{
    (void)arg;
    o->dots = true;
}
static void sender(struct sendmail_options *o, const char *arg) { o->sender = arg; }
static void extract(struct sendmail_options *o, const char *arg)
{
    (void)arg;
    o->extract = true;
}
static void envelope_id(struct sendmail_options *o, const char *arg)
{
    for (const char *p = arg; *p; p++)
        if (*p < ' ' || *p == 127)
            log_fatal("-V option: bad envelope ID");
    if (*arg == '\0')
        log_warning("bad syntax in -V option value -- ignored");
    o->envelope.envelope_id = str_from(arg);
}
static void verbose(struct sendmail_options *o, const char *arg)
{
    (void)arg;
    o->verbose++;
}

static const struct notify_word {
    const char *word;
    int flag;
} notify_words[] = { { "never", 1 }, { "success", 2 }, { "failure", 4 }, { "delay", 8 } };

static int notify_flag(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(notify_words); i++)
        if (str_equal_nocase(word, str_from(notify_words[i].word)))
            return notify_words[i].flag;
    return 0;
}

static void notify(struct sendmail_options *o, const char *arg)
{
    struct str rest = str_from(arg), word;
    int flags = 0;

    while (str_token(&rest, ", \t", &word)) {
        int flag = notify_flag(word);
        if (flag == 0) {
            log_warning("unknown DSN NOTIFY command value \"" STR_FMT "\" in \"%s\"", STR_ARG(word),
                        arg);
            flags = 0;
            break;
        }
        flags |= flag;
    }
    if (flags == 0 || (flags & 1 && flags != 1))
        log_warning("bad -N option value -- ignored");
    else
        o->envelope.notify_flags = flags;
}

static void returned_part(struct sendmail_options *o, const char *arg)
{
    if (str_equal_nocase(str_from(arg), STR("full")))
        o->envelope.ret_flags = 1;
    else if (str_equal_nocase(str_from(arg), STR("hdrs")))
        o->envelope.ret_flags = 2;
    else
        log_warning("bad -R option value -- ignored");
}

/* The two options of other mail systems that are ours: -oi and -oAfile. */
static void old_option(struct sendmail_options *o, const char *arg)
{
    if (*arg == 'i')
        o->dots = true;
    else if (*arg == 'A')
        o->aliases = arg + 1;
}

/* -O name=value. */
static void long_option(struct sendmail_options *o, const char *arg)
{
    static const struct {
        const char *name;
        int bit;
    } names[] = { { "smtputf8", SENDOPT_SMTPUTF8 }, { "requiretls", SENDOPT_REQUIRETLS } };
    struct str value = str_from(arg);
    struct str name = str_cut(&value, '=');

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!str_equal_nocase(name, str_from(names[i].name)))
            continue;
        if (str_equal_nocase(value, STR("yes")))
            o->envelope.sendopts |= names[i].bit;
        else if (str_equal_nocase(value, STR("no")))
            o->envelope.sendopts &= ~names[i].bit;
        else
            log_fatal("-O %s needs a value of yes or no", names[i].name);
    }
}

static void queue_part(struct sendmail_options *o, enum sendmail_mode mode, const char *argument,
                       const char *form)
{
    if (*argument == '\0')
        log_fatal("specify: %s", form);
    o->mode = mode;
    o->argument = argument;
}

static void queue(struct sendmail_options *o, const char *arg)
{
    if (arg == NULL || *arg == '\0')
        o->mode = SENDMAIL_FLUSH;
    else if (*arg == 'I')
        queue_part(o, SENDMAIL_FLUSH_ID, arg + 1, "-qIqueueid");
    else if (*arg == 'R')
        queue_part(o, SENDMAIL_FLUSH_SITE, arg + 1, "-qRsitename");
    else if (char_is_digit(*arg))
        o->mode = SENDMAIL_NOTHING;
    else
        log_fatal("-q%c is not implemented", *arg);
}

static void verp(struct sendmail_options *o, const char *arg)
{
    if (*arg != 'V')
        log_fatal("unsupported: -X%c", *arg);
    o->verp = arg + 1;
}

static const struct option {
    char letter;
    bool takes_argument;
    option_fn *apply;
} options[] = {
    { 'A', true, ignore },        { 'B', true, body_type }, { 'C', true, config_file },
    { 'F', true, full_name },     { 'G', false, gateway },  { 'I', false, aliases },
    { 'L', true, ignore },        { 'N', true, notify },    { 'O', true, long_option },
    { 'R', true, returned_part }, { 'U', false, ignore },   { 'V', true, envelope_id },
    { 'X', true, verp },          { 'b', true, big_mode },  { 'c', false, ignore },
    { 'e', true, ignore },        { 'f', true, sender },    { 'h', true, ignore },
    { 'i', false, no_dots },      { 'm', false, ignore },   { 'n', false, not_supported },
    { 'o', true, old_option },    { 'p', true, ignore },    { 'r', true, sender },
    { 't', false, extract },      { 'v', false, verbose },  { 'x', false, ignore },
};

/* -Vxy, and -V alone, asked for VERP before -V got an envelope id to take.  An argument of two
 * characters, such as another option, is none. */
static bool is_old_verp(const char *arg, const char *next)
{
    if (!str_starts(str_from(arg), STR("-V")))
        return false;
    return strlen(arg) == 4 || (arg[2] == '\0' && next && strlen(next) == 2);
}

static void take_old_verp(struct sendmail_options *o, char **argv)
{
    for (char **arg = argv; *arg && strcmp(*arg, "--") != 0; arg++) {
        if (!is_old_verp(*arg, arg[1]))
            continue;
        o->old_verp = *arg + 2;
        char *now = mem_alloc(sizeof "-XVxy");
        (void)snprintf(now, sizeof "-XVxy", "-XV%s", o->old_verp);
        *arg = now;
    }
}

static const struct option *find_option(int letter)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (options[i].letter == letter)
            return &options[i];
    return NULL;
}

/* "+": options end at the first recipient, in every environment. */
static void make_letters(struct buf *out)
{
    buf_addc(out, '+');
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        buf_addc(out, options[i].letter);
        if (options[i].takes_argument)
            buf_addc(out, ':');
    }
    buf_add_cstr(out, "q::");
}

static void refuse_recipients(const struct sendmail_options *o)
{
    static const char *const what[] = {
        [SENDMAIL_LIST] = "display queue mode", [SENDMAIL_ALIASES] = "alias initialization mode",
        [SENDMAIL_SMTP] = "stand-alone mode",   [SENDMAIL_DAEMON] = "daemon mode",
        [SENDMAIL_FLUSH] = "flush queue mode",  [SENDMAIL_FLUSH_ID] = "flush queue_id",
        [SENDMAIL_FLUSH_SITE] = "flush site",   [SENDMAIL_NOTHING] = NULL,
    };

    if (o->mode != SENDMAIL_SUBMIT && what[o->mode] && o->recipient_count)
        log_fatal("%s requires no recipient", what[o->mode]);
}

/* -bv sends no message to which these could belong. */
static void refuse_with_verify(const struct sendmail_options *o)
{
    const struct {
        char letter;
        bool given;
    } options_of_mail[] = { { 't', o->extract },
                            { 'N', o->envelope.notify_flags != 0 },
                            { 'R', o->envelope.ret_flags != 0 } };

    if (!(o->envelope.trace_flags & SUBMISSION_TRACE_VERIFY))
        return;
    for (size_t i = 0; i < ARRAY_LEN(options_of_mail); i++)
        if (options_of_mail[i].given)
            log_fatal("-%c option cannot be used with -bv", options_of_mail[i].letter);
}

static void check_combination(const struct sendmail_options *o)
{
    if (o->extract && o->mode != SENDMAIL_SUBMIT)
        log_fatal("-t can be used only in delivery mode");
    refuse_with_verify(o);
    refuse_recipients(o);
}

const char *sendmail_options_config(int argc, char **argv)
{
    struct sendmail_options found = { 0 };
    BUF_AUTO(letters, 0);
    int letter;

    make_letters(&letters);
    opterr = 0;
    while ((letter = getopt(argc, argv, buf_cstr(&letters))) != -1)
        if (letter == 'C')
            config_file(&found, optarg);
    optind = opterr = 1;
    return found.config_dir;
}

void sendmail_options_parse(struct sendmail_options *o, int argc, char **argv)
{
    BUF_AUTO(letters, 0);
    int letter;

    if (argc > 1)
        take_old_verp(o, argv + 1);
    make_letters(&letters);
    while ((letter = getopt(argc, argv, buf_cstr(&letters))) != -1) {
        const struct option *option = find_option(letter);
        if (letter == 'q')
            queue(o, optarg);
        else if (option)
            option->apply(o, optarg);
        else
            log_fatal("usage: sendmail [options]");
    }
    o->recipients = argv + optind;
    o->recipient_count = argc - optind;
    /* -v asks for a report about the delivery of this message. */
    if (o->mode == SENDMAIL_SUBMIT && o->verbose == 1 && o->envelope.trace_flags == 0)
        o->envelope.trace_flags = SUBMISSION_TRACE_DELIVER;
    check_combination(o);
}
