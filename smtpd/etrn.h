#pragma once
#include "smtpd/facts.h"

void etrn_handle(struct session *s, const struct smtp_event *ev);
