#pragma once
/* tablemgr(8) over private/tablemgr: lookups in tables that need a client library, for processes in their jail.  One process
 * serves one connection.
 *
 * A connection is opened by a process that is still root (SO_PEERCRED); nobody else is served.
 *
 *   client 'N' tablemgr_name      as often as it likes, before the list is closed; no answer
 *   client 'E' empty              the list is closed; nothing can be added to it any more
 *   client 'L' tablemgr_question  one at a time
 *   server 'A' tablemgr_answer
 *   server 'F' text               instead of an answer: what the server ends of; the client should, too */
#include "ipc/schema.h"

#define TABLEMGR_NAME     'N'
#define TABLEMGR_END      'E'
#define TABLEMGR_QUESTION 'L'
#define TABLEMGR_ANSWER   'A'
#define TABLEMGR_FATAL    'F'

#define TABLEMGR_ENTRIES_MAX 256 /* of one list */

#define TABLEMGR_NAME_FIELDS(FIELD)                  \
    FIELD(STR, table, "table")       /* type:name */ \
    FIELD(STR, settings, "settings") /* the text of its file */
IPC_MESSAGE(tablemgr_name, TABLEMGR_NAME_FIELDS)

#define TABLEMGR_QUESTION_FIELDS(FIELD)                  \
    FIELD(INT, entry, "entry") /* 0 is the first name */ \
    FIELD(STR, key, "key")
IPC_MESSAGE(tablemgr_question, TABLEMGR_QUESTION_FIELDS)

#define TABLEMGR_ANSWER_FIELDS(FIELD)                    \
    FIELD(INT, result, "result") /* enum table_result */ \
    FIELD(STR, value, "value")                           \
    FIELD(                                               \
        STR, said,                                       \
        "said") /* lines for the client's log: a digit (enum log_level), the text, a line feed */
IPC_MESSAGE(tablemgr_answer, TABLEMGR_ANSWER_FIELDS)
