#pragma once
/* smtpd/tls_setup - what main.cf says about TLS, and the engine that it asks for; before the jail. */
#include "smtpd/facts.h"

/* Fills in `setup->tls`.  A level that does not exist is fatal; an engine that cannot be had is not: STARTTLS is refused
 * with 454 then, and mail in plain text goes on where the level allows it. */
void tls_setup_open(struct setup *setup);
/* One of the files that the engine was made of has been replaced: its name; absent: none. */
struct str tls_setup_changed(void);
/* There should be TLS, and there is none: the next process may have more luck. */
bool tls_setup_has_failed(const struct setup *setup);
