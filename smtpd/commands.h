#pragma once
/* smtpd/commands - what each event of the dialogue leads to: judge, act, answer. */
#include "smtpd/facts.h"

void commands_handle(struct session *s, const struct smtp_event *ev);
