#pragma once
/* smtpd/setup - everything that is opened and parsed before the jail; a mistake in it is fatal. */
#include "smtpd/facts.h"

const struct setup *setup_open(struct service *svc);
/* Only what judging needs, for a program that receives no mail. */
const struct setup *setup_open_judgement(struct conf *conf);
/* What each process has of its own: its ways to servers and to tlsmgr. */
void setup_connect(void);
