#pragma once
#include "smtpd/session.h"

/* Handle one event of the dialogue: judge, act, answer. */
void commands_handle(struct session *s, const struct smtp_event *ev);
