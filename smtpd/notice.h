#pragma once
/* smtpd/notice - mail to the postmaster about a session in which something went wrong (notify_classes). */
#include "smtpd/facts.h"

/* The bits of enum fault that notify_classes asks for. */
unsigned notice_classes_parse(struct str words);
/* At the end of a session: send its transcript if one of its faults is asked for.  Failure is logged, no more. */
void notice_send(struct session *s);
