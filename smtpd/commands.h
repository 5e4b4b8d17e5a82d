#pragma once
#include "smtpd/session.h"

/* Handle one event of the dialogue: judge, act, answer. */
void commands_handle(struct session *s, const struct smtp_event *ev);
/* Say 220, or refuse the client for good: at the start, and when XCLIENT made it another one. */
void commands_greet(struct session *s);
