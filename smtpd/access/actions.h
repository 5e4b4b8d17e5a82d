#pragma once
#include "smtpd/access/internal.h"

/* Carry out the right-hand side of an access(5) table, about the subject of the judgement. */
enum outcome_kind actions_apply(struct judge *j, struct str value);
