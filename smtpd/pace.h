#pragma once
/* smtpd/pace - how long a client may take.
 *
 * Usually each read and each write may take the whole timeout, as ever.  With smtpd_per_request_deadline the
 * timeout covers a whole request: the command line, however slowly its bytes drip, and the writing of what was
 * answered before.  Message content earns time by its bytes: it must come at smtpd_min_data_rate. */
#include "os/stream.h"

struct pace {
    bool strict;
    int64_t full_ms, left_ms;
    int min_rate; /* bytes per second */
};

void pace_init(struct pace *p, int timeout_s, bool per_request, int min_rate);
/* A request has been dealt with: the next one has the whole time. */
void pace_next_request(struct pace *p);
/* `bytes` of content have come in. */
void pace_earn(struct pace *p, size_t bytes);
/* As stream_read() and stream_write_all(), in the time that is left. */
NODISCARD enum io_result pace_read(struct pace *p, struct stream *s, char *into, size_t room,
                                   size_t *got);
NODISCARD enum io_result pace_write(struct pace *p, struct stream *s, struct str bytes);
