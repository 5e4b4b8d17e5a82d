#pragma once
/* stsmgr(8) over private/stsmgr: one question a connection.
 *
 *   client 'P' sts_question      server 'A' sts_answer */
#include "ipc/schema.h"

#define STS_QUESTION 'P'
#define STS_ANSWER   'A'

#define STS_QUESTION_FIELDS(FIELD) FIELD(STR, domain, "domain")
IPC_MESSAGE(sts_question, STS_QUESTION_FIELDS)

/* As an entry of smtp_tls_policy_maps; empty: the domain has no policy that counts. */
#define STS_ANSWER_FIELDS(FIELD) FIELD(STR, entry, "entry")
IPC_MESSAGE(sts_answer, STS_ANSWER_FIELDS)
