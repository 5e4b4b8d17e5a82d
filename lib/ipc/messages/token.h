#pragma once
/* tokenmgr(8) over private/tokenmgr: one question a connection.
 *
 *   client 'T' token_question      server 'A' token_answer */
#include "ipc/schema.h"

#define TOKEN_QUESTION 'T'
#define TOKEN_ANSWER   'A'

#define TOKEN_QUESTION_FIELDS(FIELD) FIELD(STR, account, "account")
IPC_MESSAGE(token_question, TOKEN_QUESTION_FIELDS)

#define TOKEN_ANSWER_FIELDS(FIELD)                        \
    FIELD(STR, token, "token") /* empty: there is none */ \
    FIELD(STR, why, "why")     /* then, for people */
IPC_MESSAGE(token_answer, TOKEN_ANSWER_FIELDS)
