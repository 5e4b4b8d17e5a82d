#pragma once
/* smtpd/pace - how long a client may take.
 *
 * Usually each read and each write may take the whole timeout, as ever.  With smtpd_per_request_deadline the
 * timeout covers a whole request: the command line, however slowly its bytes drip, and the writing of what was
 * answered before.  Message content earns time by its bytes: it must come at smtpd_min_data_rate. */
#include "base/str.h"

#include <stdint.h>
#include <sys/types.h>

struct pace {
    bool strict;
    int64_t full_ms, left_ms;
    int min_rate; /* bytes per second */
    const volatile bool
        *is_over; /* a signal handler's word that waiting has no sense; NULL: there is none */
};

void pace_init(struct pace *p, int timeout_s, bool per_request, int min_rate);
/* A request has been dealt with: the next one has the whole time. */
void pace_next_request(struct pace *p);
/* `bytes` of content have come in. */
void pace_earn(struct pace *p, size_t bytes);
/* As read(2) and write(2), without SIGPIPE and EINTR; -1 with EAGAIN when the time is over. */
ssize_t pace_read(struct pace *p, int fd, char *into, size_t room);
ssize_t pace_write(struct pace *p, int fd, struct str bytes);
