#pragma once
/* smtpd/milter_macros - what filters are told of a session besides the events. */
#include "smtpd/facts.h"

/* The value of a macro of that name, in the scratch arena or longer; absent when it has none.  A milter_macro_fn, whose
 * context is the session. */
struct str milter_macro_of_session(void *session, struct str name);
