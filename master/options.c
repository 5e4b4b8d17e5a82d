#include "master/options.h"

#include "base/log.h"
#include "base/number.h"

#include <stdlib.h>
#include <unistd.h>

static int seconds_of(const char *text)
{
    int64_t n;

    if (!number_parse_range(str_from(text), 1, INT32_MAX, &n))
        log_fatal("invalid number of seconds: -e %s", text);
    return (int)n;
}

static void take_option(struct master_options *o, int letter)
{
    switch (letter) {
    case 'c':
        o->config_directory = optarg;
        break;
    case 'd':
        o->keep_terminal = true;
        break;
    case 'D':
        o->debugger = true;
        break;
    case 'e':
        o->exit_after_s = seconds_of(optarg);
        break;
    case 'i':
        o->init = true;
        break;
    case 'n':
        o->check = true;
        break;
    case 's':
        o->foreground = true;
        break;
    case 't':
        o->test_lock = true;
        break;
    case 'v':
        o->verbose++;
        break;
    case 'w':
        o->wait = true;
        break;
    default:
        log_fatal("usage: master [-c config_dir] [-D (debug)] [-d (don't detach from terminal)] "
                  "[-e exit_time] [-i (init mode)] [-n (check the configuration)] [-s (keep "
                  "stdout)] [-t (test)] [-v] "
                  "[-w (wait for initialization)]");
    }
}

static void check_combination(const struct master_options *o)
{
    if (o->test_lock && o->wait)
        log_fatal("the -t and -w options cannot be used together");
    if (o->init && (o->debugger || o->keep_terminal || o->wait))
        log_fatal("the -i option cannot be used with -D, -d or -w");
    if (o->init && getpid() != 1)
        log_fatal("the -i option is only for process 1");
}

void master_options_parse(struct master_options *o, int argc, char **argv)
{
    int letter;

    *o = (struct master_options){ 0 };
    optind = 1;
    while ((letter = getopt(argc, argv, "+c:dDe:instvw")) > 0)
        take_option(o, letter);
    if (optind < argc)
        take_option(o, '?');
    check_combination(o);
}
