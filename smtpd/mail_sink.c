#include "smtpd/mail_sink.h"

#include "base/log.h"
#include "ipc/connector.h"
#include "queue/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* In the jail no file can be made. */
static int open_file(void)
{
    char name[] = QUEUE_INCOMING "/speed-adjust.XXXXXX";
    int fd = open(QUEUE_INCOMING, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0 && (fd = mkostemp(name, O_CLOEXEC)) >= 0)
        (void)unlink(name);
    if (fd < 0)
        log_fatal("create a file in " QUEUE_INCOMING ": %s", strerror(errno));
    return fd;
}

static bool has_speed_adjust(void)
{
    struct str options = smtpd_conf.smtpd_proxy_options, word;
    bool found = false;

    while (str_token(&options, ", \t\r\n", &word)) {
        if (!str_equal_nocase(word, STR("speed_adjust")))
            log_fatal("unknown smtpd_proxy_options value \"" STR_FMT "\" in \"" STR_FMT "\"",
                      STR_ARG(word), STR_ARG(smtpd_conf.smtpd_proxy_options));
        found = true;
    }
    return found;
}

static bool has_type(struct str endpoint)
{
    return str_starts(endpoint, STR("inet:")) || str_starts(endpoint, STR("unix:"));
}

const struct mail_sink *mail_sink_open(struct setup *setup)
{
    struct str filter = smtpd_conf.smtpd_proxy_filter;
    bool later = has_speed_adjust();
    BUF_AUTO(endpoint, 0);
    BUF_AUTO(why, 0);

    if (filter.len == 0 || (setup->svc && service_is_standalone(setup->svc)))
        return &mail_sink_cleanup;
    buf_join(&endpoint, has_type(filter) ? STR("") : STR("inet:"), filter);
    setup->filter = connector_add(setup->connector, buf_str(&endpoint), &why);
    if (setup->filter < 0)
        log_fatal("smtpd_proxy_filter: " STR_FMT, STR_ARG(buf_str(&why)));
    return later ? &mail_sink_filter_later : &mail_sink_filter;
}

void mail_sink_open_own(struct setup *setup)
{
    if (setup->sink == &mail_sink_filter_later)
        setup->filter_file = open_file();
}
