#pragma once
/* smtpd/session - one client, from its connection to its last word: begin, converse, finish. */
#include "smtpd/facts.h"

void session_serve(const struct setup *setup, int fd);
