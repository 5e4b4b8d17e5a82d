/* postkick - send a request to a service, from a script. */
#include "base/log.h"
#include "conf/command.h"
#include "queue/notify.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

NORETURN static void usage(void)
{
    log_fatal("usage: postkick [-c config_dir] [-v] class service request");
}

int main(int argc, char **argv)
{
    const char *config_dir = NULL;
    BUF_AUTO(path, 0);
    int letter;

    command_begin("postkick", 1);
    command_stay_out_of_log();
    (void)signal(SIGPIPE, SIG_IGN);
    while ((letter = getopt(argc, argv, "+c:v")) != -1) {
        if (letter == 'c')
            config_dir = optarg;
        else if (letter == 'v')
            command_more_verbose();
        else
            usage();
    }
    if (argc - optind != 3)
        usage();
    const char *class = argv[optind], *service = argv[optind + 1], *request = argv[optind + 2];
    struct conf *conf = command_conf(config_dir);
    command_enter_queue(conf);
    buf_join(&path, str_from(class), STR("/"), str_from(service));
    int timeout_s = site_conf.trigger_timeout;
    if (queue_trigger(buf_cstr(&path), str_from(request), timeout_s))
        return 0;
    log_warning("unable to look up %s: %s", buf_cstr(&path), strerror(errno));
    log_warning("Cannot contact class %s service %s - perhaps the mail system is down", class,
                service);
    return 1;
}
