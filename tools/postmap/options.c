#include "base/log.h"
#include "base/mem.h"
#include "conf/command.h"
#include "tools/postmap/tabletool.h"

#include <getopt.h>

NORETURN static void usage(const struct table_tool *tool)
{
    log_fatal("usage: %s [%s] [-c config_dir] [-d key] [-q key] [map_type:]file...", tool->program,
              tool->usage);
}

/* -q, -d and -s say what to do; one of them is enough. */
static void set_mode(struct table_tool *tool, int letter)
{
    if (tool->query_key || tool->delete_key || (tool->dump && letter != 's'))
        log_fatal("specify only one of -s -q or -d");
    if (letter == 'q')
        tool->query_key = optarg;
    else if (letter == 'd')
        tool->delete_key = optarg;
    else
        tool->dump = true;
}

static void set_utf8(struct table_tool *tool, int letter) { tool->utf8 = letter == 'U' ? 1 : -1; }
static void set_nuls(struct table_tool *tool, int letter)
{
    tool->no_nuls = letter == 'n';
    tool->nuls = letter == 'N';
}
/* Of -r and -w the last one counts. */
static void set_duplicates(struct table_tool *tool, int letter)
{
    tool->replace = letter == 'r';
    tool->quiet_duplicates = letter == 'w';
}

static void set_conf_dir(struct table_tool *tool, int letter UNUSED) { tool->conf_dir = optarg; }
static void set_verbose(struct table_tool *tool UNUSED, int letter UNUSED)
{
    command_more_verbose();
}

struct option_row {
    char letter;
    void (*set)(struct table_tool *tool, int letter); /* NULL: `flag` becomes true */
    size_t flag;
};
#define FLAG(letter, member)                              \
    {                                                     \
        letter, NULL, offsetof(struct table_tool, member) \
    }

static const struct option_row options[] = {
    { 'c', set_conf_dir, 0 },
    { 'd', set_mode, 0 },
    { 'q', set_mode, 0 },
    { 's', set_mode, 0 },
    { 'u', set_utf8, 0 },
    { 'U', set_utf8, 0 },
    { 'n', set_nuls, 0 },
    { 'N', set_nuls, 0 },
    { 'r', set_duplicates, 0 },
    { 'w', set_duplicates, 0 },
    { 'v', set_verbose, 0 },
    FLAG('b', body),
    FLAG('h', headers),
    FLAG('m', mime),
    FLAG('f', no_fold),
    FLAG('F', files),
    FLAG('i', incremental),
    FLAG('o', keep_root),
    FLAG('p', default_permissions),
};

static void apply(struct table_tool *tool, int letter)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (options[i].letter != letter)
            continue;
        if (options[i].set)
            options[i].set(tool, letter);
        else
            *(bool *)((char *)tool + options[i].flag) = true;
        return;
    }
    usage(tool);
}

static void check(struct table_tool *tool)
{
    bool message = tool->headers || tool->body;
    bool from_stdin = tool->query_key && strcmp(tool->query_key, "-") == 0;

    if ((message || tool->mime) && !from_stdin)
        log_fatal("specify -b -h or -m only with \"-q -\"");
    if (tool->mime && !message) {
        log_warning("ignoring -m option without -b or -h");
        tool->mime = false;
    }
}

int table_tool_begin(struct table_tool *tool, int argc, char **argv)
{
    int letter;

    command_begin(tool->program, 1);
    argv[0] = mem_unconst(tool->program); /* getopt's own messages begin with it */
    while ((letter = getopt(argc, argv, tool->letters)) != -1)
        apply(tool, letter);
    struct conf *conf = command_conf(tool->conf_dir);
    check(tool);
    if (optind == argc)
        usage(tool);
    conf_fill(conf, &table_param_set, &table_conf);
    if (tool->utf8)
        site_conf.smtputf8_enable = tool->utf8 > 0;
    return optind;
}

unsigned table_tool_flags(const struct table_tool *tool)
{
    return TABLE_UTF8 | TABLE_QUIET | (tool->no_fold ? 0 : TABLE_FOLD) |
           (tool->files ? TABLE_VALUES_ARE_FILES : 0);
}
