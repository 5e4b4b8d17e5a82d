#pragma once
#include "smtpd/facts.h"

void xclient_handle(struct session *s, const struct smtp_event *ev);
void xforward_handle(struct session *s, const struct smtp_event *ev);
