/* sendmail - the command with which every program on this host sends mail; also mailq and
 * newaliases.
 *
 * Runs as:   whoever calls it, without any privilege
 * Trusts:    nothing needs to be trusted: pickup(8) and postdrop(1) check what they are given */
#include "base/log.h"
#include "conf/command.h"
#include "os/fd.h"
#include "pickup/handover.h"
#include "pickup/options.h"
#include "queue/dir.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#define READ_SIZE  (64UL * 1024)
#define TOKENS_MAX (16UL * 1024 * 1024) /* of one -t header or argument */
#define ARGS_MAX   256

struct sendmail {
    struct sendmail_options options;
    struct conf *conf;
    struct submission_recipients recipients;
    struct arena memory;
};

/* ---- programs that do the work of the other modes ---- */

struct command_line {
    const char *argv[ARGS_MAX + 1];
    int count;
};

static void add_argument(struct command_line *c, const char *argument)
{
    if (c->count == ARGS_MAX)
        log_fatal("too many arguments");
    c->argv[c->count++] = argument;
}

NORETURN static void become(struct sendmail *s, const char *directory, struct command_line *c)
{
    BUF_AUTO(path, 0);
    char *argv[ARGS_MAX + 1];

    buf_join(&path, conf_value(s->conf, str_from(directory)), STR("/"), str_from(c->argv[0]));
    for (int i = 0; i < c->count; i++)
        argv[i] = arena_cstr(&s->memory, str_from(c->argv[i]));
    argv[c->count] = NULL;
    execv(buf_cstr(&path), argv);
    log_fatal("execvp %s: %s", buf_cstr(&path), strerror(errno));
}

static void add_verbosity(const struct sendmail *s, struct command_line *c)
{
    for (int i = 1; i < s->options.verbose; i++)
        add_argument(c, "-v");
}

NORETURN static void run_postqueue(struct sendmail *s, const char *option, const char *argument)
{
    struct command_line c = { { "postqueue" }, 1 };

    add_verbosity(s, &c);
    add_argument(&c, option);
    if (argument)
        add_argument(&c, argument);
    become(s, "command_directory", &c);
}

/* newaliases: all databases in one run. */
static void rebuild_aliases(struct sendmail *s)
{
    struct command_line c = { { "postalias" }, 1 };
    struct str list = conf_value(s->conf, STR("alias_database")), name;

    add_verbosity(s, &c);
    add_argument(&c, "--");
    if (s->options.aliases)
        list = str_from(s->options.aliases);
    int before = c.count;
    while (str_token(&list, ", \t\r\n", &name))
        add_argument(&c, arena_cstr(&s->memory, name));
    if (c.count > before)
        become(s, "command_directory", &c);
}

NORETURN static void speak_smtp(struct sendmail *s)
{
    struct command_line c = { { "smtpd", "-S" }, 2 };

    add_verbosity(s, &c);
    become(s, "daemon_directory", &c);
}

NORETURN static void start_daemon(struct sendmail *s)
{
    struct command_line c = { { "postfix" }, 1 };

    add_verbosity(s, &c);
    add_argument(&c, "start");
    become(s, "command_directory", &c);
}

/* ---- submission ---- */

static const struct passwd *login_entry(void)
{
    static const struct passwd *entry;
    static bool asked;

    if (!asked)
        entry = getpwuid(getuid());
    asked = true;
    return entry;
}

static struct str login_name(void)
{
    if (login_entry() == NULL)
        log_fatal("no login name found for user ID %ld", (long)getuid());
    return str_from(login_entry()->pw_name);
}

/* The password file's comment up to the first comma; an ampersand stands for the login name. */
static struct str comment_name(struct sendmail *s)
{
    BUF_AUTO(name, 0);

    if (login_entry() == NULL)
        return STR_NONE;
    for (const char *p = login_entry()->pw_gecos; *p && *p != ','; p++) {
        if (*p != '&') {
            buf_addc(&name, *p);
            continue;
        }
        buf_addc(&name, char_upper(login_entry()->pw_name[0]));
        buf_add_cstr(&name, login_entry()->pw_name[0] ? login_entry()->pw_name + 1 : "");
    }
    return arena_str(&s->memory, buf_str(&name));
}

static struct str find_full_name(struct sendmail *s)
{
    const char *name = s->options.full_name ? s->options.full_name : getenv("NAME");

    return name ? str_from(name) : comment_name(s);
}

/* -f: the first address in the text; the empty address when there is none. */
static struct str find_sender(struct sendmail *s)
{
    struct submission_recipients parsed = { .count = 0 };
    struct str sender = STR("");

    if (s->options.sender == NULL)
        return login_name();
    submission_recipients_add(&parsed, str_from(s->options.sender), TOKENS_MAX);
    if (parsed.count > 1)
        log_warning("-f option specified malformed sender: %s", s->options.sender);
    for (size_t i = parsed.lists[0].count; i-- > 0;)
        if (parsed.lists[0].items[i].kind == ADDRESS_MAILBOX)
            sender = parsed.lists[0].items[i].address;
    sender = arena_str(&s->memory, sender);
    submission_recipients_free(&parsed);
    return sender;
}

/* An argument without any address stands for the empty one, which cleanup(8) turns into a
 * mailbox. */
static void parse_recipients(struct sendmail *s)
{
    for (int i = 0; i < s->options.recipient_count; i++) {
        size_t before = s->recipients.count;
        submission_recipients_add(&s->recipients, str_from(s->options.recipients[i]), TOKENS_MAX);
        if (s->recipients.count == before)
            submission_recipients_add(&s->recipients, STR("<>"), TOKENS_MAX);
    }
    if (s->recipients.truncated)
        log_fatal("too many recipients in one argument");
}

static struct str verp_delimiters(struct sendmail *s)
{
    struct str text, filter = conf_value(s->conf, STR("verp_delimiter_filter"));

    if (s->options.verp == NULL)
        return STR_NONE;
    text = *s->options.verp ? str_from(s->options.verp)
                            : conf_value(s->conf, STR("default_verp_delimiters"));
    if (text.len != 2 || !str_has(filter, text.ptr[0]) || !str_has(filter, text.ptr[1]))
        log_fatal("-V requires two characters from " STR_FMT, STR_ARG(filter));
    return text;
}

static void complete_envelope(struct sendmail *s)
{
    struct submission_envelope *e = &s->options.envelope;

    e->sender = find_sender(s);
    e->full_name = find_full_name(s);
    parse_recipients(s);
}

NORETURN static void refuse(const struct sendmail *s, const char *text)
{
    log_fatal(STR_FMT "(%ld): %s", STR_ARG(s->options.envelope.sender), (long)getuid(), text);
}

static enum submission_crlf line_ending_rule(struct sendmail *s)
{
    struct str rule = conf_value(s->conf, STR("sendmail_fix_line_endings"));

    if (str_equal(rule, STR("strict")))
        return SUBMISSION_CRLF_LOOK;
    if (str_equal(rule, STR("never")))
        return SUBMISSION_CRLF_KEEP;
    if (!str_equal(rule, STR("always")))
        log_fatal("invalid sendmail_fix_line_endings value: " STR_FMT, STR_ARG(rule));
    return SUBMISSION_CRLF_STRIP;
}

static void read_content(struct sendmail *s, struct submission_content *c, struct handover *h)
{
    BUF_AUTO(input, 0);
    enum io_result result;

    while ((result = fd_read(STDIN_FILENO, &input, READ_SIZE)) == IO_OK) {
        bool more = submission_feed(c, buf_str(&input), handover_records(h));
        handover_pump(h);
        buf_clear(&input);
        if (!more)
            return;
    }
    if (result == IO_EOF)
        return;
    handover_abort(h);
    refuse(s, "error reading input");
}

static void send_message(struct sendmail *s, struct handover *h)
{
    const struct submission_envelope *e = &s->options.envelope;
    struct submission_content c;

    submission_content_init(&c, (size_t)site_conf.line_length_limit, TOKENS_MAX);
    c.dot_ends = !s->options.dots;
    c.extract = s->options.extract;
    c.crlf = line_ending_rule(s);
    read_content(s, &c, h);
    bool complete = submission_finish(&c, e, s->recipients.count > 0, handover_records(h));
    if (!complete || submission_truncated(&c))
        handover_abort(h);
    if (!complete)
        refuse(s, "No recipient addresses found in message header");
    if (submission_truncated(&c))
        refuse(s, "too many recipients in message header");
    submission_content_free(&c);
}

static int submit(struct sendmail *s)
{
    const struct submission_envelope *e = &s->options.envelope;
    BUF_AUTO(postdrop, 0);
    BUF_AUTO(socket, 0);
    struct handover h;

    complete_envelope(s);
    if (e->verp.len && e->sender.len == 0)
        refuse(s, "-V option requires non-null sender address");
    if (s->recipients.count == 0 && !s->options.extract)
        refuse(s, "Recipient addresses must be specified on the command line or via the -t option");
    buf_join(&postdrop, conf_value(s->conf, STR("command_directory")), STR("/postdrop"));
    buf_join(&socket, conf_value(s->conf, STR("queue_directory")), STR("/" QUEUE_SUBMIT "/"),
             conf_value(s->conf, STR("pickup_service_name")));
    handover_init(&h, buf_cstr(&socket), buf_cstr(&postdrop), e->trace_flags != 0);
    submission_put_envelope(handover_records(&h), e, &s->recipients);
    if (e->trace_flags & SUBMISSION_TRACE_VERIFY)
        submission_put_probe(handover_records(&h), e->sender, &s->recipients);
    else
        send_message(s, &h);
    int status = handover_finish(&h);
    if (status == 0 && e->trace_flags) {
        printf("Mail Delivery Status Report will be mailed to <" STR_FMT ">.\n",
               STR_ARG(e->sender));
        if (fflush(stdout) != 0)
            return EX_TEMPFAIL;
    }
    return status;
}

/* ---- start ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static enum sendmail_mode mode_of_name(const char *name)
{
    if (strcmp(name, "mailq") == 0)
        return SENDMAIL_LIST;
    return strcmp(name, "newaliases") == 0 ? SENDMAIL_ALIASES : SENDMAIL_SUBMIT;
}

/* Nothing here was written to run with somebody else's rights. */
static void warn_of_privilege(void)
{
    if (geteuid() != getuid() || getegid() != getgid()) {
        log_warning("the Postfix sendmail command has set-uid root file permissions");
        log_warning("or the command is run from a set-uid root process");
        log_warning(
            "the Postfix sendmail command must be installed without set-uid root file permissions");
    }
}

static int run(struct sendmail *s)
{
    switch (s->options.mode) {
    case SENDMAIL_SUBMIT:
        return submit(s);
    case SENDMAIL_LIST:
        run_postqueue(s, "-p", NULL);
    case SENDMAIL_FLUSH:
        run_postqueue(s, "-f", NULL);
    case SENDMAIL_FLUSH_ID:
        run_postqueue(s, "-i", s->options.argument);
    case SENDMAIL_FLUSH_SITE:
        run_postqueue(s, "-s", s->options.argument);
    case SENDMAIL_ALIASES:
        rebuild_aliases(s);
        return EX_OK;
    case SENDMAIL_SMTP:
        speak_smtp(s);
    case SENDMAIL_DAEMON:
        start_daemon(s);
    case SENDMAIL_NOTHING:
        break;
    }
    return EX_OK;
}

int main(int argc, char **argv)
{
    struct sendmail s = { .memory = ARENA_INIT };

    const char *name = base_name(argc > 0 ? argv[0] : "sendmail");

    command_begin(name, EX_TEMPFAIL);
    command_name_in_log("sendmail");
    command_restrict_config();
    warn_of_privilege();
    s.options.mode = mode_of_name(name);
    s.conf = command_conf(sendmail_options_config(argc, argv));
    sendmail_options_parse(&s.options, argc, argv);
    if (s.options.old_verp)
        log_warning("option -V%s is deprecated with Postfix 2.3; specify -XV%s instead",
                    s.options.old_verp, s.options.old_verp);
    s.options.envelope.verp = verp_delimiters(&s);
    return run(&s);
}
