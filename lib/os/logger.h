#pragma once
#include "base/buf.h"
#include "base/log.h"

#include <stdatomic.h>

/* Where log lines go: the descriptor of maillog_file inherited from master, the postlog socket, or
 * syslog; commands also write to stderr.  One system call a line.
 *
 * `tag` is the syslog_name plus "/" plus the program name: "postfix/smtpd". */
struct logger_options {
    const char *tag;
    const char *hostname;     /* first label, for lines we format ourselves */
    int file_fd;              /* O_APPEND descriptor of maillog_file, or -1 */
    const char *postlog_path; /* public/postlog as seen from here, or NULL */
    const char *
        direct_path; /* maillog_file itself, written when postlogd is not there and we may; or NULL */
    /* A number in shared memory that changes when maillog_file was rotated: `file_fd` is given up then and
     * lines go to postlogd.  NULL without master. */
    const _Atomic uint32_t *file_epoch;
    const char *facility; /* "mail" */
    bool to_stderr;       /* commands: "program: warning: text" */
    const char *program;  /* name for stderr lines */
    bool quiet;           /* stderr only */
};

/* Opens what it needs (time zone, sockets), so that it works in a jail afterwards. */
void logger_init(const struct logger_options *options);
bool logger_knows_facility(struct str name);
/* After maillog_file was rotated. */
void logger_set_file(int fd);
/* "Nov 21 19:52:39 mx postfix/master[14440]: " for the present time, as in maillog_file. */
void logger_format_head(struct buf *out, const char *tag, int pid);
