#pragma once
/* conf/command - how a command starts: which main.cf it reads, what it believes of its
 * environment, where its messages go.  Daemons have lib/service for this.
 *
 * Messages appear on stderr as `program: warning: text`, and in the mail log.  The log is looked
 * for when the first message is written, so that a command with nothing to say does no work for
 * it. */
#include "conf/conf.h"

#define COMMAND_CONF_DIR "/etc/postfix"

/* Call first.  `program` is kept.  log_fatal() ends the process with `fatal_status`. */
void command_begin(const char *program, int fatal_status);
void command_set_fatal_status(int status);
/* Messages are for the caller only, not for the log. */
void command_stay_out_of_log(void);
/* Under which it is known in the log, when that is another name (newaliases is sendmail); kept. */
void command_name_in_log(const char *name);
/* Its name alone is the tag in the log, without the instance's before it. */
void command_log_as_itself(void);
/* The program is installed set-group-id: call right after command_begin().  Descriptors 0-2 are
 * open afterwards, and of the environment only MAIL_CONFIG and TZ are left. */
void command_distrust_caller(void);
/* Only that part of it: users other than root may only name directories that the default main.cf
 * names. */
void command_restrict_config(void);

/* Open main.cf in `dir` (from -c; becomes MAIL_CONFIG for child processes), else in
 * $MAIL_CONFIG, else in the default place.  A program that distrusts its caller takes from users
 * other than root only a directory that the default main.cf names.  Fatal when there is none, and when it has a
 * value in site_conf, which is filled, that cannot be used. */
struct conf *command_conf(const char *dir);
/* The same without a look at the values, for those that must work when others cannot (postfix stop, postlog):
 * site_conf is not filled. */
struct conf *command_conf_unchecked(const char *dir);
/* For scripts: where lines for `maillog_file` go, and the host that they name (POSTLOG_SERVICE, POSTLOG_HOSTNAME).  Without
 * such a file neither is set. */
void command_export_log(struct conf *conf);
/* Go to the queue directory; fatal when that fails. */
void command_enter_queue(struct conf *conf);

/* getopt(3) letters for `-v` and `-c` are each command's own; this is what -v does. */
void command_more_verbose(void);
/* The login name of the real user, or "unknown". */
const char *command_user_name(void);
