#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "service/private.h"

#include <stdlib.h>
#include <unistd.h>

#define SOCKETS_MAX 512

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* "name=value", with blanks around both when it was written in braces. */
static void add_override(struct service_options *o, const char *text)
{
    struct str value = str_trim(str_from(text));

    if (str_starts(value, STR("{")) && str_ends(value, STR("}")))
        value = str_trim(str_sub(value, 1, value.len - 1));
    if (!str_has(value, '='))
        log_fatal("missing '=' after attribute name: \"%s\"", text);
    struct str name = str_trim(str_cut(&value, '='));
    if (name.len == 0)
        log_fatal("missing attribute name: \"%s\"", text);
    o->overrides = mem_resize(o->overrides, (o->override_count + 1) * sizeof *o->overrides);
    o->overrides[o->override_count++] = (struct service_override){ name, str_trim(value) };
}

static int socket_count(const char *text)
{
    int64_t n;

    if (!number_parse_range(str_from(text), 1, SOCKETS_MAX, &n))
        log_fatal("invalid socket_count: %s", text);
    return (int)n;
}

static void take_option(struct service_options *o, int letter)
{
    switch (letter) {
    case 'n':
        o->name = optarg;
        break;
    case 't':
        o->transport = optarg;
        break;
    case 's':
        o->sockets = socket_count(optarg);
        break;
    case 'o':
        add_override(o, optarg);
        break;
    case 'l':
        o->single = true;
        break;
    case 'z':
        o->unlimited = true;
        break;
    case 'u':
        o->unprivileged = true;
        break;
    case 'c':
        o->chroot = true;
        break;
    case 'D':
        o->debugger = true;
        break;
    case 'S':
        o->standalone = true;
        break;
    case 'V':
        o->to_stderr = true;
        break;
    case 'v':
        o->verbose++;
        break;
    case 'd':
        break; /* master did not detach; nothing follows from it here */
    default:
        log_fatal("usage: %s [options as written by master(8)]", o->program);
    }
}

void service_options_parse(struct service_options *o, int argc, char **argv)
{
    int letter;

    *o = (struct service_options){ .sockets = 1, .transport = "unix" };
    o->program = argc > 0 ? base_name(argv[0]) : "unknown";
    optind = 1;
    while ((letter = getopt(argc, argv, "+cdDln:o:s:St:uvVz")) > 0)
        take_option(o, letter);
    if (o->name == NULL)
        o->name = o->program;
    o->argc = argc - optind;
    o->argv = argv + optind;
}
