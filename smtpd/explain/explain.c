/* postfix-explain - what would become of an address, and which line of which file decides.
 *
 * Runs as:   whoever may read the configuration
 * Trusts:    main.cf, master.cf and tables
 * Changes nothing, and asks nobody but tables, and the DNS when it is told to. */
#include "smtpd/explain/explain.h"

#include "base/log.h"
#include "conf/command.h"
#include "text/address.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

/* Addresses that nobody has (RFC 5737): a stranger. */
#define STRANGER "192.0.2.1"

static const char usage_text[] =
    "usage: postfix explain [--from ADDRESS] [--client IP[/NAME]] [--helo NAME] [--login NAME]\n"
    "                       [--service NAME] [--dns] [--json] [-c config_dir] ADDRESS\n"
    "Tells what smtpd answers to RCPT TO:<ADDRESS>, what the address becomes, and where mail for "
    "it goes,\n"
    "with the parameter, table and key that decide each step.  Nothing is changed and nobody is "
    "asked but\n"
    "tables; with --dns, name servers too.\n"
    "  --from ADDRESS      the sender; the null sender if not said\n"
    "  --client IP[/NAME]  the client, with its verified name; a stranger at " STRANGER
    " if not said\n"
    "  --helo NAME         what it says in EHLO\n"
    "  --login NAME        as whom it has logged in\n"
    "  --service NAME      the service of master.cf that it speaks to; smtp if not said\n"
    "  --json              for programs\n";

NORETURN static void usage(void)
{
    (void)fputs(usage_text, stderr);
    exit(64);
}

static struct str internal_form(struct explain *e, const char *text)
{
    struct str external = str_trim(str_from(text));
    BUF_AUTO(address, 0);

    if (str_starts(external, STR("<")) && str_ends(external, STR(">")))
        external = str_sub(external, 1, external.len - 1);
    if (!address_unquote(external, &address))
        log_fatal("not an address: %s", text);
    return arena_str(&e->arena, buf_str(&address));
}

static void set_client(struct explain *e, const char *text)
{
    struct str rest = str_from(text);

    e->client = str_cut(&rest, '/');
    e->client_name = str_has(str_from(text), '/') ? rest : STR_NONE;
}

enum long_option {
    OPTION_FROM = 256,
    OPTION_CLIENT,
    OPTION_HELO,
    OPTION_LOGIN,
    OPTION_SERVICE,
    OPTION_DNS,
    OPTION_JSON,
    OPTION_HELP
};

static const struct option options[] = {
    { "from", required_argument, NULL, OPTION_FROM },
    { "client", required_argument, NULL, OPTION_CLIENT },
    { "helo", required_argument, NULL, OPTION_HELO },
    { "login", required_argument, NULL, OPTION_LOGIN },
    { "service", required_argument, NULL, OPTION_SERVICE },
    { "dns", no_argument, NULL, OPTION_DNS },
    { "json", no_argument, NULL, OPTION_JSON },
    { "help", no_argument, NULL, OPTION_HELP },
    { 0 },
};

struct command_line {
    const char *config_directory;
    bool json;
};

static void parse_options(struct explain *e, struct command_line *c, int argc, char **argv)
{
    int letter;

    while ((letter = getopt_long(argc, argv, "c:v", options, NULL)) != -1) {
        switch (letter) {
        case 'c':
            c->config_directory = optarg;
            break;
        case 'v':
            command_more_verbose();
            break;
        case OPTION_FROM:
            e->sender = internal_form(e, optarg);
            break;
        case OPTION_CLIENT:
            set_client(e, optarg);
            break;
        case OPTION_HELO:
            e->helo = str_from(optarg);
            break;
        case OPTION_LOGIN:
            e->login = str_from(optarg);
            break;
        case OPTION_SERVICE:
            e->service = optarg;
            break;
        case OPTION_DNS:
            e->dns = true;
            break;
        case OPTION_JSON:
            c->json = true;
            break;
        case OPTION_HELP:
            (void)fputs(usage_text, stdout);
            exit(0);
        default:
            usage();
        }
    }
    if (argc - optind != 1)
        usage();
    e->address = internal_form(e, argv[optind]);
}

/* A client that says nothing of itself says its name, or its address. */
static void complete_client(struct explain *e)
{
    BUF_AUTO(literal, 0);

    if (e->helo.ptr)
        return;
    buf_join(&literal, STR("["), str_has(e->client, ':') ? STR("IPv6:") : STR(""), e->client,
             STR("]"));
    e->helo = e->client_name.len ? e->client_name : arena_str(&e->arena, buf_str(&literal));
}

static void read_configuration(struct explain *e, const char *directory)
{
    BUF_AUTO(error, 0);

    e->main = command_conf(directory);
    if (!master_cf_read(conf_directory(e->main), &e->arena, &e->services, &error))
        log_fatal(STR_FMT, STR_ARG(buf_str(&error)));
}

int main(int argc, char **argv)
{
    static struct explain e = { .service = "smtp", .sender = STR(""), .client = STR(STRANGER) };
    struct command_line c = { 0 };
    BUF_AUTO(out, 0);

    command_begin("postfix-explain", 1);
    command_stay_out_of_log();
    parse_options(&e, &c, argc, argv);
    complete_client(&e);
    read_configuration(&e, c.config_directory);
    report_init(&e.report);
    e.report.address = e.address;
    e.report.sender = e.sender;
    e.report.helo = e.helo;
    e.report.login = e.login;
    explain_watch(&e);
    explain_rcpt(&e);
    explain_path(&e);
    (c.json ? report_print_json : report_print)(&e.report, &out);
    if (fwrite(out.ptr, 1, out.len, stdout) != out.len || fflush(stdout) != 0)
        log_fatal("write: %m");
    return 0;
}
