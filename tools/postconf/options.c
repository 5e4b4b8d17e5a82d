#include "base/log.h"
#include "tools/postconf/postconf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LETTERS "+aAbc:C:defFhHlmMno:pPqtT:vxX#"

/* What each letter does; also the usage line. */
static const struct option_help {
    char letter;
    const char *help;
} helps[] = {
    { 'a', "server SASL types" },
    { 'A', "client SASL types" },
    { 'b', "report templates, expanded" },
    { 'c', "config_dir" },
    { 'C', "builtin|service|user|all (parameter class)" },
    { 'd', "parameter defaults" },
    { 'e', "edit configuration" },
    { 'f', "fold lines" },
    { 'F', "master.cf fields" },
    { 'h', "no names" },
    { 'H', "no values" },
    { 'l', "lock types" },
    { 'm', "map types" },
    { 'M', "master.cf" },
    { 'n', "parameters that are set" },
    { 'o', "name=value (override parameter value)" },
    { 'p', "main.cf, default" },
    { 'P', "master.cf parameters" },
    { 'q', "no warnings about parameters" },
    { 't', "report templates" },
    { 'T', "compile-version|run-version|public-key-algorithms" },
    { 'v', "verbose" },
    { 'x', "expand parameter values" },
    { 'X', "exclude" },
    { '#', "comment-out" },
};

static NORETURN void usage(const char *program)
{
    BUF_AUTO(text, 0);

    for (size_t i = 0; i < ARRAY_LEN(helps); i++) {
        bool argument = strchr("cCoT", helps[i].letter) != NULL;
        buf_addf(&text, argument ? " [-%c %s]" : " [-%c (%s)]", helps[i].letter, helps[i].help);
    }
    log_fatal("usage: %s" STR_FMT " [name...]", program, STR_ARG(buf_str(&text)));
}

/* Letters that cannot stand together, in the order in which the complaint names them. */
static const char *const either_or[] = { "de", "dn", "ef", "eh", "en", "ex", "eo", "hH",
                                         "dX", "eX", "fX", "hX", "HX", "nX", "xX", "d#",
                                         "e#", "f#", "h#", "H#", "n#", "x#", "X#" };

/* Letters that mean nothing in a mode. */
static const struct {
    char mode;
    const char *unwanted;
} mode_limits[] = {
    { 'a', "defhHnxX#" }, { 'A', "defhHnxX#" }, { 'l', "defhHnxX#" },
    { 'm', "defhHnxX#" }, { 'b', "defhHnxX#" }, { 't', "defhHnxX#" },
    { 'M', "dhHn" },      { 'F', "dn" },        { 'P', "dn#" },
};

#define MODES "aAbFlmMpPtT"

struct letters_seen {
    bool seen[128];
};

static bool has(const struct letters_seen *s, char letter)
{
    return s->seen[(unsigned char)letter];
}

static char chosen_mode(const struct letters_seen *s)
{
    char mode = 0;

    for (const char *m = MODES; *m; m++) {
        if (!has(s, *m))
            continue;
        if (mode)
            log_fatal("specify one of -%c%s -%c", mode, mode == 'b' ? " and" : "", *m);
        mode = *m;
    }
    return (char)(mode ? mode : 'p');
}

static void check_conflicts(const struct letters_seen *s, char mode)
{
    for (size_t i = 0; i < ARRAY_LEN(either_or); i++)
        if (has(s, either_or[i][0]) && has(s, either_or[i][1]))
            log_fatal("specify one of -%c -%c", either_or[i][0], either_or[i][1]);
    for (size_t i = 0; i < ARRAY_LEN(mode_limits); i++)
        for (const char *l = mode_limits[i].unwanted; mode_limits[i].mode == mode && *l; l++)
            if (has(s, *l))
                log_fatal("with option -%c, do not specify -%c", mode, *l);
}

static unsigned parse_classes(const char *text)
{
    static const struct {
        struct str name;
        unsigned classes;
    } names[] = { { STR("builtin"), CLASS_BUILTIN },
                  { STR("service"), CLASS_SERVICE },
                  { STR("user"), CLASS_USER },
                  { STR("all"), CLASS_ALL } };
    struct str rest = str_from(text), word;
    unsigned classes = 0;

    while (str_token(&rest, ", \t", &word)) {
        size_t i = 0;
        while (i < ARRAY_LEN(names) && !str_equal(names[i].name, word))
            i++;
        if (i == ARRAY_LEN(names))
            log_fatal("unknown -C option value \"" STR_FMT "\" in \"%s\"", STR_ARG(word), text);
        classes |= names[i].classes;
    }
    return classes;
}

static void take_option(struct request *req, struct letters_seen *s, int letter)
{
    s->seen[letter] = true;
    switch (letter) {
    case 'c':
        req->dir = optarg;
        req->dir_is_given = true;
        break;
    case 'C':
        req->classes = parse_classes(optarg);
        break;
    case 'o':
        req->overrides[req->override_count++] = optarg;
        break;
    case 'T':
        req->tls_question = optarg;
        break;
    case 'v':
        log_set_verbose(log_verbose() + 1);
        break;
    }
}

/* `name=value` is an edit, with or without -e. */
static bool mentions_a_value(char *const *args, int count)
{
    for (int i = 0; i < count; i++)
        if (strchr(args[i], '='))
            return true;
    return false;
}

static void settle(struct request *req, struct letters_seen *s)
{
    if (!has(s, 'e') && !has(s, 'X') && !has(s, '#') && mentions_a_value(req->args, req->arg_count))
        s->seen['e'] = true;
    req->mode = chosen_mode(s);
    check_conflicts(s, req->mode);
    req->edit = (char)(has(s, 'e') ? 'e' : has(s, 'X') ? 'X' : has(s, '#') ? '#' : 0);
    req->defaults = has(s, 'd');
    req->only_set = has(s, 'n');
    req->hide_name = has(s, 'h');
    req->hide_value = has(s, 'H');
    req->fold = has(s, 'f');
    req->expand = has(s, 'x');
    req->quiet = has(s, 'q');
    if (req->edit == 'e' && req->arg_count == 0)
        log_fatal("-e requires name=value argument");
    if (req->edit && req->arg_count == 0)
        log_fatal("missing service argument");
}

void options_parse(struct request *req, struct arena *arena, int argc, char **argv)
{
    struct letters_seen s = { 0 };
    const char *dir = getenv("MAIL_CONFIG");
    int letter;

    *req = (struct request){ .dir = dir ? dir : "/etc/postfix",
                             .dir_is_given = dir,
                             .classes = CLASS_ALL };
    req->overrides = arena_alloc(arena, (size_t)argc * sizeof *req->overrides);
    while ((letter = getopt(argc, argv, LETTERS)) != -1) {
        if (letter == '?')
            usage(argv[0]);
        take_option(req, &s, letter);
    }
    req->args = argv + optind;
    req->arg_count = argc - optind;
    settle(req, &s);
}
