#pragma once
#include "smtpd/session.h"

void etrn_handle(struct session *s, const struct smtp_event *ev);
